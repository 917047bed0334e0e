import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const INSTALLED = '/usr/lib/postgresql'

/** Where Postgres's programs are; `null` where it is not installed. */
export const postgresPrograms = (): string | null => {
  if (!existsSync(INSTALLED)) return null
  const found = readdirSync(INSTALLED)
    .map((version) => join(INSTALLED, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')) && existsSync(join(bin, 'postgres')))
  return found ?? null
}

interface Owner {
  readonly uid?: number
  readonly gid?: number
}

/** A server of its own on a free port, that can be killed and started again. */
export class PostgresServer {
  readonly port: number
  readonly #bin: string
  readonly #dir: string
  readonly #owner: Owner
  readonly #settings: readonly string[]
  #process: ChildProcess | null = null

  private constructor(made: {
    bin: string
    dir: string
    port: number
    owner: Owner
    settings: readonly string[]
  }) {
    this.#bin = made.bin
    this.#dir = made.dir
    this.#owner = made.owner
    this.#settings = made.settings
    this.port = made.port
  }

  /** `settings` such as `wal_level=logical` are given to the server each time it starts. */
  static async make({
    settings = [],
  }: {
    readonly settings?: readonly string[]
  } = {}): Promise<PostgresServer> {
    const bin = postgresPrograms()
    if (bin === null) throw new Error('Postgres is not installed')
    const dir = mkdtempSync(join(tmpdir(), 'tidemark-postgres-'))
    const owner = await ownerOf()
    if (owner.uid !== undefined) chownSync(dir, owner.uid, owner.gid ?? owner.uid)
    const options = ['--auth=trust', '--username=postgres', '--no-sync', '-D', dir]
    await execute(join(bin, 'initdb'), options, { ...owner, cwd: '/' })
    const server = new PostgresServer({ bin, dir, port: await freePort(), owner, settings })
    await server.start()
    return server
  }

  get connection(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const settings = [
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      `unix_socket_directories=${this.#dir}`,
      ...this.#settings.flatMap((setting) => ['-c', setting]),
    ]
    const child = spawn(
      join(this.#bin, 'postgres'),
      ['-D', this.#dir, '-p', String(this.port), ...settings],
      { ...this.#owner, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] },
    )
    this.#process = child
    await new Promise<void>((resolve, reject) => {
      let said = ''
      child.stderr?.on('data', (chunk) => {
        said += String(chunk)
        if (said.includes('is ready to accept connections')) resolve()
      })
      child.once('exit', () => reject(new Error(said)))
    })
  }

  /** Ends it at once: `SIGQUIT` is Postgres's own word for that, no connection is let finish. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = null
    if (child === null || child.exitCode !== null) return
    await new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
      child.kill('SIGQUIT')
    })
  }

  async remove(): Promise<void> {
    await this.kill()
    await rm(this.#dir, { recursive: true, force: true })
  }
}

/** It refuses to run as root. */
const ownerOf = async (): Promise<Owner> => {
  if (process.getuid?.() !== 0) return {}
  const id = async (flag: string): Promise<number> =>
    Number((await execute('id', [flag, 'postgres'])).stdout)
  return { uid: await id('-u'), gid: await id('-g') }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
