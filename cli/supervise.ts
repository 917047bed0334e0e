import { type ChildProcess, spawn } from 'node:child_process'
import { LocalNats } from '../cluster/nats-server.ts'
import { SUPERVISED } from './cluster-run.ts'
import { DONE, FAILED, INTERRUPTED, MISUSED, type World } from './exit.ts'
import { FLAGS, type GivenFlags } from './flags.ts'
import { onInterrupt } from './interrupts.ts'

/** A process that dies this often within the span is not started again. */
const MOST_DEATHS = 10
const SPAN = 60_000
/** Before the second start that follows one in vain: milliseconds, doubling. The first comes at once. */
const BACK_OFF = 250
/** How long the others may take to end when one has failed: milliseconds. */
const GRACE = 10_000

export interface Supervised {
  readonly target: string
  readonly given: GivenFlags
  readonly processes: number
  /** NATS servers, with commas between; `null` to start one. */
  readonly servers: string | null
  /** Whether a process that dies is worth starting again: without snapshots the flow has failed. */
  readonly durable: boolean
  readonly world: World
}

/**
 * Runs the flow in several processes of this machine, starts again those that die, and gives the
 * exit code of all.
 */
export const supervise = async (asked: Supervised): Promise<number> => {
  const nats = asked.servers === null ? await LocalNats.start() : null
  try {
    if (nats !== null) asked.world.terminal.debug(`started nats-server at ${nats.url}`)
    return await new Supervisor(asked, asked.servers ?? nats?.url ?? '').run()
  } finally {
    await nats?.stop()
  }
}

class Supervisor {
  readonly #asked: Supervised
  readonly #variables: Record<string, string | undefined>
  readonly #children = new Map<number, ChildProcess>()
  #interrupted = false
  #failing = false

  constructor(asked: Supervised, servers: string) {
    this.#asked = asked
    this.#variables = {
      ...asked.world.variables,
      ...asVariables(asked.given),
      TIDEMARK_PROCESSES: '',
      TIDEMARK_PROCESS_COUNT: String(asked.processes),
      TIDEMARK_NATS_URL: servers,
      [SUPERVISED]: '1',
    }
  }

  async run(): Promise<number> {
    const { terminal, leave } = this.#asked.world
    const deaf = onInterrupt({
      stop: () => {
        this.#interrupted = true
        terminal.say('stopping: the epoch is being closed. Interrupt again to leave at once.')
        this.#signal('SIGTERM')
      },
      leave: () => {
        this.#signal('SIGKILL')
        return leave(INTERRUPTED)
      },
    })
    try {
      const numbers = Array.from({ length: this.#asked.processes }, (_, at) => at)
      const codes = await Promise.all(numbers.map((process) => this.#keep(process)))
      return this.#codeOf(codes)
    } finally {
      deaf()
    }
  }

  /** A process through all its lives; gives the exit code of the last. */
  async #keep(number: number): Promise<number> {
    const deaths: number[] = []
    for (;;) {
      const { code, signal } = await this.#live(number)
      const ended = code !== null && code < 128
      if (ended || code === INTERRUPTED) {
        if (code === FAILED || code === MISUSED) this.#failTogether()
        return code
      }
      const now = performance.now()
      deaths.push(now)
      const recent = deaths.filter((at) => now - at < SPAN).length
      const how = `process ${number} died (${signal ?? `code ${code}`})`
      if (this.#interrupted || this.#failing) return FAILED
      if (!this.#asked.durable || recent > MOST_DEATHS) {
        this.#asked.world.terminal.error(
          this.#asked.durable
            ? `${how} ${recent} times within a minute and is not started again`
            : `${how}; nothing can be resumed without --recovery-directory`,
        )
        this.#failTogether()
        return FAILED
      }
      this.#asked.world.terminal.warn(`${how} and is started again`)
      const wait = recent === 1 ? 0 : BACK_OFF * 2 ** Math.min(4, recent - 2)
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }

  #live(number: number): Promise<{ code: number | null; signal: string | null }> {
    const { target, world } = this.#asked
    const args = [...process.execArgv, process.argv[1] ?? '', 'run', target]
    const child = spawn(process.execPath, args, {
      cwd: world.directory,
      env: { ...this.#variables, TIDEMARK_PROCESS_ID: String(number) },
      // Only one of several can read what is typed.
      stdio: [number === 0 ? 'inherit' : 'ignore', 'inherit', 'inherit', 'ipc'],
      // A group of its own, so that an interrupt from the keyboard reaches it once: from here.
      detached: true,
    })
    this.#children.set(number, child)
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => {
        this.#children.delete(number)
        resolve({ code, signal })
      })
    })
  }

  /** One has failed, and so has the flow: the others may say why themselves, but not for ever. */
  #failTogether(): void {
    if (this.#failing) return
    this.#failing = true
    this.#signal('SIGTERM')
    setTimeout(() => this.#signal('SIGKILL'), GRACE).unref()
  }

  #signal(name: 'SIGTERM' | 'SIGKILL'): void {
    for (const child of this.#children.values()) child.kill(name)
  }

  #codeOf(codes: readonly number[]): number {
    const failed = codes.find((code) => code === FAILED || code === MISUSED)
    if (failed !== undefined) return failed
    return codes.includes(INTERRUPTED) ? INTERRUPTED : DONE
  }
}

/** What was asked for by flags, as variables, which the processes read. */
const asVariables = (given: GivenFlags): Record<string, string> => {
  const variables: Record<string, string> = {}
  for (const { key, variable } of FLAGS) {
    const text = given[key]
    if (typeof text === 'boolean') variables[variable] = text ? 'on' : 'off'
    else if (typeof text === 'string') variables[variable] = text
  }
  return variables
}
