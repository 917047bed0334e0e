import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { ClusterError } from '../lib/errors/errors.ts'
import { systemRuntime } from '../lib/runtime/system.ts'

/** How to get the server where it is missing. */
export const INSTALL_NATS: string =
  'install nats-server (apt-get install nats-server, brew install nats-server, or a release from https://github.com/nats-io/nats-server) or name it in TIDEMARK_NATS_SERVER'

const HOST = '127.0.0.1'
const READY = /Server is ready/
/** How long it may take to restore what it has: milliseconds. */
const READY_WITHIN = 60_000
/** What a server says before it is ready is kept for its error message: characters. */
const MOST_LOG = 2000

/**
 * Waits until whoever holds the other end of its input is gone, however that came about, and ends
 * the server `$0` with its directory `$1`.
 */
const WATCHER = 'cat >/dev/null; kill -9 "$0"; rm -rf "$1"'

/** Where the `nats-server` of this machine is: `TIDEMARK_NATS_SERVER`, or on the PATH; `null` where not. */
export const findNatsServer = (
  variables: Readonly<Record<string, string | undefined>> = process.env,
): string | null => {
  const named = variables['TIDEMARK_NATS_SERVER']
  if (named !== undefined && named !== '') return isExecutable(named) ? named : null
  // Where Debian puts it is not on everybody's path.
  const places = [...(variables['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return places.map((place) => join(place, 'nats-server')).find(isExecutable) ?? null
}

export interface LocalNatsOptions {
  /** A port that a server had before; a free one otherwise. */
  readonly port?: number
  /** Further arguments, as `['-m', '8222']`. */
  readonly args?: readonly string[]
  /** @defaultValue true */
  readonly jetstream?: boolean
}

/**
 * A nats-server of one's own, on the loopback interface and in a directory of its own. It ends with
 * the process that started it, even when that is killed.
 *
 * @example
 * ```ts
 * const server = await LocalNats.start()
 * await server.stop()
 * ```
 */
export class LocalNats {
  readonly port: number
  readonly #command: string
  readonly #directory: string
  readonly #options: LocalNatsOptions
  #process: ChildProcess | null = null

  private constructor(
    command: string,
    at: { readonly port: number; readonly directory: string },
    options: LocalNatsOptions,
  ) {
    this.#command = command
    this.port = at.port
    this.#directory = at.directory
    this.#options = options
  }

  /** @throws ClusterError where there is no nats-server, or it does not come up */
  static async start(options: LocalNatsOptions = {}): Promise<LocalNats> {
    const command = findNatsServer()
    if (command === null) {
      throw new ClusterError(`There is no nats-server on this machine: ${INSTALL_NATS}.`)
    }
    const port = options.port ?? (await freePort())
    const directory = await mkdtemp(join(tmpdir(), 'tidemark-nats-'))
    const server = new LocalNats(command, { port, directory }, options)
    try {
      await server.up()
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  get url(): string {
    return `nats://${HOST}:${this.port}`
  }

  /** Its directory, in which JetStream keeps what it has. */
  get directory(): string {
    return this.#directory
  }

  /** The server's own process; `null` while it is down. */
  get pid(): number | null {
    return this.#process?.pid ?? null
  }

  /** Starts the server, again if it was down; resolves when it takes connections. */
  async up(): Promise<void> {
    if (this.#process !== null) return
    const { args = [], jetstream = true } = this.#options
    const storage = jetstream ? ['-js', '-sd', this.#directory] : []
    const child = spawn(
      this.#command,
      ['-a', HOST, '-p', String(this.port), ...storage, ...args],
      // A group of its own: an interrupt from the keyboard is for the flow, which needs the server.
      { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    )
    this.#process = child
    const watcher = child.pid === undefined ? null : watch(child.pid, this.#directory)
    child.once('exit', () => {
      if (this.#process === child) this.#process = null
      watcher?.kill('SIGKILL')
    })
    await ready(child)
  }

  /** Ends the server's process; what it has stays. */
  async down(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
    })
    child.kill(signal)
    await gone
  }

  /** Ends the server for good and removes its directory. */
  async stop(): Promise<void> {
    await this.down('SIGKILL')
    await rm(this.#directory, { recursive: true, force: true })
  }
}

const watch = (server: number, directory: string): ChildProcess => {
  const watcher = spawn('/bin/sh', ['-c', WATCHER, String(server), directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without it a server outlives whoever is killed, as any child does.
  watcher.once('error', () => {})
  watcher.stdin?.on('error', () => {})
  return watcher
}

const ready = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let log = ''
    const tell = (what: string, cause?: unknown): void => {
      timer.cancel()
      reject(new ClusterError(`nats-server ${what}: ${log.trim()}`, { cause }))
    }
    const timer = systemRuntime.after(READY_WITHIN, () => {
      tell(`was not ready within ${READY_WITHIN / 1000} s`)
      child.kill('SIGKILL')
    })
    child.stderr?.setEncoding('utf8')
    child.stderr?.on('data', (text: string) => {
      // Its last words: one that has streams to restore tells of each before it is ready.
      log = (log + text).slice(-MOST_LOG)
      if (!READY.test(log)) return
      timer.cancel()
      resolve()
    })
    child.once('error', (cause) => tell(`could not be started (${cause.message})`, cause))
    child.once('exit', (code, signal) => tell(`ended with ${signal ?? code}`))
  })

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, HOST, () => {
      const address = probe.address()
      probe.close(() => {
        if (address === null || typeof address === 'string') reject(new ClusterError('No port.'))
        else resolve(address.port)
      })
    })
  })

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
