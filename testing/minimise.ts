import { TidemarkError } from '../lib/errors/errors.ts'
import type { Dataflow } from '../lib/flow/dataflow.ts'
import { positiveCount } from '../lib/flow/options.ts'
import type { FaultEvent, Faults } from './faults.ts'
import { type SimulationOptions, simulate, simulationFaults } from './simulate.ts'

export interface MinimiseOptions extends SimulationOptions {
  /** The most simulations that it may take. @defaultValue 200 */
  readonly runs?: number
  /** Where the smallest is told. @defaultValue standard error */
  readonly print?: (text: string) => void
}

/** The fewest faults that were found to bring a failure about. */
export interface Minimised {
  readonly seed: number
  readonly faults: Faults
  /** What the flow, or `check`, fails with under these. */
  readonly error: unknown
  /** Simulations that it took. */
  readonly runs: number
  /** All of it for people. */
  readonly text: string
}

/**
 * Shrinks the faults of a seed that fails: first whole kinds, then events by halves, then the shares of
 * what is lost, doubled or late, as long as the seed fails with an error of the same name.
 *
 * @param flow - as for `simulate`
 * @param options - those under which `simulate` fails, `check` among them
 * @throws TidemarkError when the seed does not fail
 *
 * @example
 * ```ts
 * const { faults } = await minimise(flow, { seed: 7, workers: 3, check })
 * await simulate(flow, { seed: 7, workers: 3, check, faults }) // fails, with the fewest faults
 * ```
 */
export const minimise = (
  flow: Dataflow | (() => Dataflow),
  options: MinimiseOptions = {},
): Promise<Minimised> => new Shrinking(flow, options).run()

const DEFAULT_RUNS = 200

class Shrinking {
  readonly #flow: Dataflow | (() => Dataflow)
  readonly #options: MinimiseOptions
  readonly #most: number
  #faults: Faults
  #error: unknown = null
  #runs = 0

  constructor(flow: Dataflow | (() => Dataflow), options: MinimiseOptions) {
    this.#flow = flow
    this.#options = options
    this.#most = positiveCount('runs', options.runs ?? DEFAULT_RUNS)
    this.#faults = simulationFaults(options)
  }

  async run(): Promise<Minimised> {
    const { seed = 1, print = toStandardError } = this.#options
    this.#error = await this.#fail(this.#faults)
    if (this.#error === null) {
      throw new TidemarkError(`Seed ${seed} does not fail: there is nothing to make smaller.`)
    }
    let before: Faults
    do {
      before = this.#faults
      await this.#dropKinds()
      await this.#dropEvents()
      await this.#calm()
    } while (before !== this.#faults && this.#runs < this.#most)
    const text = this.#text(seed)
    print(text)
    return { seed, faults: this.#faults, error: this.#error, runs: this.#runs, text }
  }

  async #dropKinds(): Promise<void> {
    if (await this.#try({})) return
    const { network: _, ...wired } = this.#faults
    if (this.#faults.network !== undefined) await this.#try(wired)
    const { disk: __, ...sound } = this.#faults
    if (this.#faults.disk !== undefined) await this.#try(sound)
    for (const kind of new Set(this.#events.map((event) => event.kind))) {
      await this.#tryEvents(this.#events.filter((event) => event.kind !== kind))
    }
  }

  /** Drops halves, then quarters and so on, down to single events. */
  async #dropEvents(): Promise<void> {
    for (let size = Math.ceil(this.#events.length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from < this.#events.length; ) {
        const left = this.#events.filter((_, at) => at < from || at >= from + size)
        if (!(await this.#tryEvents(left))) from += size
      }
    }
  }

  async #calm(): Promise<void> {
    for (const field of ['loss', 'duplicates', 'reorder', 'delay'] as const) {
      const { network } = this.#faults
      if (network === undefined || network[field] === 0) continue
      await this.#try({ ...this.#faults, network: { ...network, [field]: 0 } })
    }
    const { disk } = this.#faults
    if (disk !== undefined && disk.failures !== 0) {
      await this.#try({ ...this.#faults, disk: { ...disk, failures: 0 } })
    }
  }

  get #events(): readonly FaultEvent[] {
    return this.#faults.events ?? []
  }

  #tryEvents(events: readonly FaultEvent[]): Promise<boolean> {
    const { events: _, ...rest } = this.#faults
    return this.#try(events.length === 0 ? rest : { ...rest, events })
  }

  /** Keeps the faults if they are enough. */
  async #try(faults: Faults): Promise<boolean> {
    if (this.#runs >= this.#most || JSON.stringify(faults) === JSON.stringify(this.#faults)) {
      return false
    }
    const error = await this.#fail(faults)
    if (error === null || nameOf(error) !== nameOf(this.#error)) return false
    this.#faults = faults
    this.#error = error
    return true
  }

  async #fail(faults: Faults): Promise<unknown> {
    this.#runs += 1
    const { runs: _, print: __, ...options } = this.#options
    try {
      await simulate(this.#flow, { ...options, faults })
      return null
    } catch (error) {
      return error
    }
  }

  #text(seed: number): string {
    const { workers = 1, epochInterval } = this.#options
    const asked = {
      seed,
      workers,
      ...(epochInterval === undefined ? {} : { epochInterval }),
      faults: this.#faults,
    }
    const what = Object.keys(this.#faults).length === 0 ? 'without any fault' : 'with these faults'
    return `Seed ${seed} still fails ${what} (${this.#runs} simulations):\nsimulate(flow, ${JSON.stringify(asked, null, 2)})`
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error)

const toStandardError = (text: string): void => {
  process.stderr.write(`${text}\n`)
}
