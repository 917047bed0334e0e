import { AbortExecution, RecoveryError, TidemarkError } from '../lib/errors/errors.ts'
import { checkFlow } from '../lib/flow/check.ts'
import type { Dataflow } from '../lib/flow/dataflow.ts'
import { durationOption, positiveCount } from '../lib/flow/options.ts'
import { MemoryStore } from '../lib/recovery/memory.ts'
import { Execution, type Summary } from '../lib/run/execution.ts'
import { LocalCrew } from '../lib/run/local-crew.ts'
import type { Logger } from '../lib/run/logger.ts'
import { type RunOptions, settingsOf } from '../lib/run/options.ts'
import type { DurationLike, TimeLike } from '../lib/time/time.ts'
import type { Worker } from '../lib/worker/worker.ts'
import { Chance } from './chance.ts'
import { OrderWatch } from './order-watch.ts'
import { TestingSink } from './testing-sink.ts'
import { type Crashable, crashable, VirtualDisk } from './virtual-disk.ts'
import { virtualLinks } from './virtual-links.ts'
import { type VirtualProcess, VirtualRuntime } from './virtual-runtime.ts'

/** What goes wrong in a simulation; how often and when, the seed decides. */
export interface Faults {
  /**
   * How many executions die with all their workers, as in a power cut; the next one resumes.
   * @defaultValue 0
   */
  readonly crashes?: number
  /** How many times in each execution a worker stands still for up to `pauseFor`. @defaultValue 0 */
  readonly pauses?: number
  /** @defaultValue 5 seconds */
  readonly pauseFor?: DurationLike
  /** How many times in each execution the wall clock jumps by up to an hour. @defaultValue 0 */
  readonly clockJumps?: number
  /** All of these strike within so many tasks of the beginning of an execution. @defaultValue 2000 */
  readonly within?: number
  /** The longest that a message between workers is under way. @defaultValue 5 ms, or none at all */
  readonly linkDelay?: DurationLike
  /** The longest that a write of the store takes. @defaultValue 20 ms */
  readonly diskDelay?: DurationLike
  /** The share of writes that fail, in [0, 1). @defaultValue 0 */
  readonly diskFailures?: number
}

export interface SimulationOptions
  extends Pick<RunOptions, 'epochInterval' | 'onError' | 'signal' | 'logger'> {
  /** What decides everything that is left to chance. @defaultValue 1 */
  readonly seed?: number
  /**
   * How many workers; a list gives those of each execution in turn, the last for all that follow.
   * @defaultValue 1
   */
  readonly workers?: number | readonly number[]
  readonly faults?: Faults
  /**
   * Where snapshots are kept; `null` keeps none, and an execution after a crash begins anew.
   * @defaultValue a store in memory with 2 partitions on a virtual disk
   */
  readonly store?:
    | MemoryStore
    | { readonly partitions?: number; readonly backupInterval?: DurationLike }
    | null
  /** Where the wall clock stands at first. @defaultValue 2022-01-01T00:00Z */
  readonly start?: TimeLike
  /** The most tasks of one execution. @defaultValue 1 million */
  readonly steps?: number
}

/** One execution of a simulation. */
export interface SimulatedExecution {
  readonly workers: number
  /** It came to its end, died by a fault, or ended itself as by `TestingSource.ABORT`. */
  readonly outcome: 'ended' | 'crashed' | 'aborted' | 'storeFailed'
  /** `null` where it did not come to its end. */
  readonly summary: Summary | null
  /** What it wrote to each step whose sink is a `TestingSink`, by step id. */
  readonly outputs: ReadonlyMap<string, readonly unknown[]>
  /** Tasks that it took. */
  readonly steps: number
  /** Virtual milliseconds that it took. */
  readonly took: number
}

/** What a simulation came to. */
export interface Simulation {
  readonly seed: number
  /** Of the last execution. */
  readonly summary: Summary
  readonly executions: readonly SimulatedExecution[]
  /** Stands for every signal that reached a mailbox, in order; the same seed gives the same. */
  readonly hash: string
  /** Signals that reached a mailbox. */
  readonly signals: number
  /** What the engine had to say to people. */
  readonly messages: readonly string[]
}

/** Executions that may fail one after the other because the disk does. */
const MOST_FAILED_STARTS = 100
const HOUR = 3_600_000

/**
 * Runs a flow on virtual workers, disks and time, through faults, until an execution comes to its
 * end. The same seed gives the same run, byte for byte.
 *
 * The whole of it is in this thread: sources and sinks must work with promises and the runtime of
 * `useRun` alone. Every channel is watched: what would break the order of progress fails the run.
 *
 * @param flow - the flow, or what makes it anew for each execution
 * @throws what the flow fails with; DeadlockError when nothing can go on; ProgressError for a fault
 * of the engine
 *
 * @example
 * ```ts
 * const { executions, hash } = await simulate(flow, {
 *   seed: 7, workers: [3, 5, 1], epochInterval: 100, faults: { crashes: 2, pauses: 1 },
 * })
 * ```
 */
export const simulate = (
  flow: Dataflow | (() => Dataflow),
  options: SimulationOptions = {},
): Promise<Simulation> => new World(flow, options).run()

class World {
  readonly #flow: Dataflow | (() => Dataflow)
  readonly #options: SimulationOptions
  readonly #faults: Faults
  readonly #runtime: VirtualRuntime
  readonly #chance: Chance
  readonly #linkDelay: number
  readonly #disk: Crashable | null
  readonly #store: MemoryStore | null
  readonly #watch = new OrderWatch()
  readonly #executions: SimulatedExecution[] = []
  readonly #messages: string[] = []
  #crashesLeft: number
  #failedStarts = 0

  constructor(flow: Dataflow | (() => Dataflow), options: SimulationOptions) {
    const { seed = 1, faults = {}, start, store = {} } = options
    this.#flow = flow
    this.#options = options
    this.#faults = faults
    this.#chance = new Chance(seed ^ 0x7_ea5e)
    this.#runtime = new VirtualRuntime({
      seed,
      ...(start === undefined ? {} : { start }),
      work: this.#chance.happens(0.5) ? 0 : this.#chance.number() * 3,
    })
    const fitting = this.#chance.happens(0.3) ? 0 : 5
    this.#linkDelay = durationOption('linkDelay', faults.linkDelay ?? fitting)
    this.#crashesLeft = faults.crashes ?? 0
    if (store === null || store instanceof MemoryStore) {
      this.#store = store
      this.#disk = store === null ? null : crashable(store)
    } else {
      const disk = this.#diskOf(store)
      this.#store = disk.store
      this.#disk = disk
    }
  }

  async run(): Promise<Simulation> {
    for (;;) {
      const execution = await this.#execute(this.#executions.length)
      this.#executions.push(execution)
      if (execution.summary === null) continue
      return {
        seed: this.#runtime.seed,
        summary: execution.summary,
        executions: this.#executions,
        hash: this.#watch.hash,
        signals: this.#watch.signals,
        messages: this.#messages,
      }
    }
  }

  async #execute(at: number): Promise<SimulatedExecution> {
    const flow = typeof this.#flow === 'function' ? this.#flow() : this.#flow
    const workers = this.#workersOf(at)
    const process = this.#runtime.fork()
    const threads = Array.from({ length: workers }, () => process.fork())
    const written = marksOf(flow)
    const [steps, began] = [this.#runtime.steps, this.#runtime.monotonic()]
    const { execution, crew } = this.#start(flow, process, threads)
    const outcome = await this.#drive(execution, { process, threads, crew })
    return {
      workers,
      ...outcome,
      outputs: written(),
      steps: this.#runtime.steps - steps,
      took: this.#runtime.monotonic() - began,
    }
  }

  #start(flow: Dataflow, process: VirtualProcess, threads: readonly VirtualProcess[]) {
    const { epochInterval, onError, signal, logger } = this.#options
    const settings = settingsOf({
      workers: threads.length,
      runtime: process,
      logger: logger ?? this.#loggerOf(process),
      ...(this.#store === null ? {} : { recovery: this.#store }),
      ...(epochInterval === undefined ? {} : { epochInterval }),
      ...(onError === undefined ? {} : { onError }),
      ...(signal === undefined ? {} : { signal }),
    })
    checkFlow(flow, settings.onError)
    const crew: { workers: readonly Worker[] } = { workers: [] }
    const ground = {
      networks: () => virtualLinks(threads, this.#chance, this.#linkDelay),
      runtimeOf: (worker: number) => threads[worker] ?? process,
      placed: (workers: readonly Worker[]) => {
        crew.workers = workers
      },
      watch: this.#watch.watch,
    }
    const execution = new Execution(settings, (host) => new LocalCrew(flow, settings, host, ground))
    return { execution, crew }
  }

  async #drive(
    execution: Execution,
    on: {
      readonly process: VirtualProcess
      readonly threads: readonly VirtualProcess[]
      readonly crew: { readonly workers: readonly Worker[] }
    },
  ): Promise<Pick<SimulatedExecution, 'outcome' | 'summary'>> {
    let die = (): void => {}
    const death = new Promise<null>((resolve) => {
      die = () => {
        on.process.kill()
        this.#disk?.crash()
        resolve(null)
      }
    })
    const strikes = this.#strikes(on.threads, die)
    const first = this.#runtime.steps
    try {
      const summary = await this.#runtime.run(Promise.race([execution.done, death]), {
        steps: positiveCount('steps', this.#options.steps ?? 1_000_000),
        between: () => {
          for (const strike of strikes.get(this.#runtime.steps - first) ?? []) strike()
          strikes.delete(this.#runtime.steps - first)
          if (this.#watch.broken !== null) throw this.#watch.broken
        },
        stuck: () => on.crew.workers.flatMap((worker) => worker.waits()).join('\n'),
      })
      if (this.#watch.broken !== null) throw this.#watch.broken
      if (summary !== null) return { outcome: 'ended', summary }
      this.#disk?.reopen()
      return { outcome: 'crashed', summary: null }
    } catch (error) {
      return { outcome: this.#survive(error), summary: null }
    }
  }

  /** The run goes on after what ends an execution as a crash would. */
  #survive(error: unknown): 'aborted' | 'storeFailed' {
    if (error instanceof AbortExecution) return 'aborted'
    const mayFail = (this.#faults.diskFailures ?? 0) > 0
    if (mayFail && isUnwritten(error) && this.#failedStarts < MOST_FAILED_STARTS) {
      this.#failedStarts += 1
      return 'storeFailed'
    }
    throw error
  }

  /** What strikes before which task of an execution. */
  #strikes(threads: readonly VirtualProcess[], die: () => void): Map<number, (() => void)[]> {
    const { pauses = 0, pauseFor = 5000, clockJumps = 0 } = this.#faults
    const strikes = new Map<number, (() => void)[]>()
    const add = (strike: () => void): void => {
      const at = this.#moment()
      strikes.set(at, [...(strikes.get(at) ?? []), strike])
    }
    for (let left = pauses; left > 0; left--) {
      const thread = threads[this.#chance.below(threads.length)]
      const length = this.#chance.number() * durationOption('pauseFor', pauseFor)
      add(() => thread?.pause(length))
    }
    for (let left = clockJumps; left > 0; left--) {
      const by = Math.round((this.#chance.number() * 2 - 1) * HOUR)
      add(() => this.#runtime.jump(by))
    }
    if (this.#crashesLeft > 0) {
      this.#crashesLeft -= 1
      add(die)
    }
    return strikes
  }

  /** As often early, where a run begins and resumes, as anywhere. */
  #moment(): number {
    const within = positiveCount('within', this.#faults.within ?? 2000)
    return this.#chance.happens(0.5)
      ? this.#chance.below(within)
      : Math.floor(Math.exp(this.#chance.number() * Math.log(within)))
  }

  #workersOf(execution: number): number {
    const { workers = 1 } = this.#options
    if (typeof workers === 'number') return workers
    const planned = workers[Math.min(execution, workers.length - 1)]
    if (planned === undefined) throw new TidemarkError('workers must name at least one number.')
    return planned
  }

  #diskOf(store: { partitions?: number; backupInterval?: DurationLike }): VirtualDisk {
    return new VirtualDisk(
      { runtime: this.#runtime, chance: this.#chance.fork() },
      {
        partitions: positiveCount('partitions', store.partitions ?? 2),
        backupInterval: store.backupInterval ?? 0,
        delay: durationOption('diskDelay', this.#faults.diskDelay ?? 20),
        failures: this.#faults.diskFailures ?? 0,
      },
    )
  }

  /** What a dead process finds out about its store, nobody hears. */
  #loggerOf(process: VirtualProcess): Logger {
    const keep = (message: string): void => {
      if (!process.dead) this.#messages.push(message)
    }
    return { info: keep, warn: keep, error: keep }
  }
}

/** Remembers how much each `TestingSink` of a flow holds; tells later what was added. */
const marksOf = (flow: Dataflow): (() => Map<string, readonly unknown[]>) => {
  const sinks = flow.steps.flatMap(({ id, spec }) => {
    const sink: unknown = spec.kind === 'sink' ? spec.sink : null
    return sink instanceof TestingSink ? [{ id, sink, from: sink.items.length }] : []
  })
  return () => new Map(sinks.map(({ id, sink, from }) => [id, sink.items.slice(from)]))
}

/** A write that failed where nothing could wait for the next; damage is another matter. */
const isUnwritten = (error: unknown): boolean =>
  error instanceof RecoveryError && error.constructor === RecoveryError
