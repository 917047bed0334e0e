import { crc32 } from 'node:zlib'
import { AbortExecution, ClusterError, RecoveryError, TidemarkError } from '../lib/errors/errors.ts'
import { checkFlow } from '../lib/flow/check.ts'
import type { Dataflow } from '../lib/flow/dataflow.ts'
import { positiveCount } from '../lib/flow/options.ts'
import { MemoryStore } from '../lib/recovery/memory.ts'
import { Execution, type Summary } from '../lib/run/execution.ts'
import { LocalCrew } from '../lib/run/local-crew.ts'
import type { Logger } from '../lib/run/logger.ts'
import { type RunOptions, settingsOf } from '../lib/run/options.ts'
import type { DurationLike, TimeLike } from '../lib/time/time.ts'
import type { Worker } from '../lib/worker/worker.ts'
import { Chance } from './chance.ts'
import { CommittedSink } from './committed-sink.ts'
import { drawFaults, type FaultEvent, type FaultPlan, type Faults, faultsOf } from './faults.ts'
import { OrderWatch } from './order-watch.ts'
import { TestingSink } from './testing-sink.ts'
import { VirtualBroker, type VirtualEnd, type Weather } from './virtual-broker.ts'
import { virtualCluster } from './virtual-cluster.ts'
import { type Crashable, crashable, VirtualDisk } from './virtual-disk.ts'
import { virtualLinks } from './virtual-links.ts'
import { type VirtualProcess, VirtualRuntime } from './virtual-runtime.ts'

export interface SimulationOptions
  extends Pick<RunOptions, 'epochInterval' | 'onError' | 'signal' | 'logger'> {
  /** What decides everything that is left to chance. @defaultValue 1 */
  readonly seed?: number
  /**
   * How many workers; a list gives those of each execution in turn, the last for all that follow.
   * @defaultValue 1
   */
  readonly workers?: number | readonly number[]
  /**
   * What goes wrong; `'any'` for what the seed draws, of every kind or only of some.
   * @defaultValue nothing
   */
  readonly faults?: Faults | 'any'
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
  /** What must hold in the end; where it throws, the seed fails. */
  readonly check?: (simulation: Simulation) => void | Promise<void>
}

/** One execution of a simulation. */
export interface SimulatedExecution {
  readonly workers: number
  /**
   * It came to its end, died by a fault, ended itself as by `TestingSource.ABORT`, could not write its
   * store, or lost one of its workers.
   */
  readonly outcome: 'ended' | 'crashed' | 'aborted' | 'storeFailed' | 'lost'
  /** `null` where it did not come to its end. */
  readonly summary: Summary | null
  /** What it wrote to each step whose sink is a `TestingSink` or a `CommittedSink`, by step id. */
  readonly outputs: ReadonlyMap<string, readonly unknown[]>
  /** Tasks that it took. */
  readonly steps: number
  /** Virtual milliseconds that it took. */
  readonly took: number
}

/** What a simulation came to. */
export interface Simulation {
  readonly seed: number
  /** What went wrong: given to `simulate` with the same seed, all of it happens again. */
  readonly faults: Faults
  /** Of the last execution. */
  readonly summary: Summary
  readonly executions: readonly SimulatedExecution[]
  /** What all executions wrote to each step whose sink is one of `executions[].outputs`. */
  readonly outputs: ReadonlyMap<string, readonly unknown[]>
  /**
   * Stands for every signal that reached a mailbox, every datagram, write and fault, in order; the
   * same seed gives the same.
   */
  readonly hash: string
  /** Signals that reached a mailbox. */
  readonly signals: number
  /** What the engine had to say to people. */
  readonly messages: readonly string[]
}

/** Executions that may fail one after the other because the disk does. */
const MOST_FAILED_STARTS = 100
/** Executions that may lose a worker, one after the other. */
const MOST_LOST = 100

/**
 * Runs a flow on virtual workers, links, disks and time, through faults, until an execution comes to
 * its end. The same seed gives the same run, byte for byte.
 *
 * The whole of it is in this thread: sources and sinks must work with promises and the runtime of
 * `useRun` alone. Every channel is watched: what would break the order of progress fails the run.
 *
 * @param flow - the flow, or what makes it anew for each execution
 * @throws what the flow or `check` fails with, its message ending in how to run the seed again;
 * DeadlockError when nothing can go on; ProgressError for a fault of the engine
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
): Promise<Simulation> => simulateOnce(flow, options)

const simulateOnce = async (
  flow: Dataflow | (() => Dataflow),
  options: SimulationOptions,
): Promise<Simulation> => {
  const world = new World(flow, options)
  try {
    const simulation = await world.run()
    await options.check?.(simulation)
    return simulation
  } catch (error) {
    throw withReplay(error, replayText(options, world.faults))
  }
}

/** What a simulation of these options is to suffer, with nothing left to draw. */
export const simulationFaults = (options: SimulationOptions): Faults =>
  faultsOf(drawFaults(options.faults ?? {}, chanceOf(options).fork()))

const chanceOf = ({ seed = 1 }: SimulationOptions): Chance => new Chance(seed ^ 0x7_ea5e)

class World {
  readonly #flow: Dataflow | (() => Dataflow)
  readonly #options: SimulationOptions
  readonly #plan: FaultPlan
  readonly #runtime: VirtualRuntime
  readonly #chance: Chance
  readonly #broker: VirtualBroker | null
  readonly #linkDelay: number
  readonly #disk: Crashable | null
  readonly #store: MemoryStore | null
  /** Whose tasks end what the network suffers from. */
  readonly #weather: VirtualProcess
  readonly #watch = new OrderWatch()
  readonly #executions: SimulatedExecution[] = []
  readonly #messages: string[] = []
  #failedStarts = 0
  #lost = 0

  constructor(flow: Dataflow | (() => Dataflow), options: SimulationOptions) {
    const { seed = 1, start, store = {} } = options
    this.#flow = flow
    this.#options = options
    this.#chance = chanceOf(options)
    this.#plan = drawFaults(options.faults ?? {}, this.#chance.fork())
    this.#runtime = new VirtualRuntime({
      seed,
      ...(start === undefined ? {} : { start }),
      work: this.#chance.happens(0.5) ? 0 : this.#chance.number() * 3,
    })
    this.#weather = this.#runtime.fork().aside()
    this.#linkDelay = this.#chance.happens(0.3) ? 0 : 5
    this.#broker = this.#plan.network === null ? null : this.#brokerOf(this.#plan.network)
    if (store === null || store instanceof MemoryStore) {
      this.#store = store
      this.#disk = store === null ? null : crashable(store)
    } else {
      const disk = this.#diskOf(store)
      this.#store = disk.store
      this.#disk = disk
    }
  }

  /** What goes wrong, with nothing left to draw. */
  get faults(): Faults {
    return faultsOf(this.#plan)
  }

  async run(): Promise<Simulation> {
    for (;;) {
      const execution = await this.#execute(this.#executions.length)
      this.#executions.push(execution)
      if (execution.summary === null) continue
      return {
        seed: this.#runtime.seed,
        faults: this.faults,
        outputs: outputsOf(this.#executions),
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
    if (at === 0 && !(this.#options.store instanceof MemoryStore)) clearSinks(flow)
    const workers = this.#workersOf(at)
    const process = this.#runtime.fork()
    const threads = Array.from({ length: workers }, () => process.fork())
    const written = marksOf(flow)
    const [steps, began] = [this.#runtime.steps, this.#runtime.monotonic()]
    const { execution, crew, close } = this.#start(flow, process, threads)
    const outcome = await this.#drive(execution, { process, threads, crew, at })
    close()
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
    const closing: (() => void)[] = []
    const ground = {
      networks: () => {
        const broker = this.#broker
        if (broker === null || threads.length === 1) {
          return virtualLinks(threads, this.#chance, this.#linkDelay)
        }
        const cluster = virtualCluster(threads, {
          broker,
          flowId: flow.id,
          execution: this.#executions.length + 1,
          failed: (worker, error) => crew.workers[worker]?.crash(error),
        })
        closing.push(() => cluster.close())
        return cluster.networks
      },
      runtimeOf: (worker: number) => threads[worker] ?? process,
      placed: (workers: readonly Worker[]) => {
        crew.workers = workers
      },
      watch: this.#watch.watch,
    }
    const execution = new Execution(settings, (host) => new LocalCrew(flow, settings, host, ground))
    const close = (): void => {
      for (const each of closing) each()
      this.#broker?.disband()
    }
    return { execution, crew, close }
  }

  async #drive(
    execution: Execution,
    on: {
      readonly process: VirtualProcess
      readonly threads: readonly VirtualProcess[]
      readonly crew: { readonly workers: readonly Worker[] }
      /** Which execution it is. */
      readonly at: number
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
    const strikes = this.#strikes(on, die)
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
  #survive(error: unknown): 'aborted' | 'storeFailed' | 'lost' {
    if (error instanceof AbortExecution) return 'aborted'
    const mayFail = this.#plan.disk.failures > 0
    if (mayFail && isUnwritten(error) && this.#failedStarts < MOST_FAILED_STARTS) {
      this.#failedStarts += 1
      return 'storeFailed'
    }
    if (this.#broker !== null && error instanceof ClusterError && this.#lost < MOST_LOST) {
      this.#lost += 1
      return 'lost'
    }
    throw error
  }

  /** What strikes before which task of an execution. */
  #strikes(
    on: { readonly threads: readonly VirtualProcess[]; readonly at: number },
    die: () => void,
  ): Map<number, (() => void)[]> {
    const strikes = new Map<number, (() => void)[]>()
    for (const event of this.#plan.events) {
      if (event.execution !== on.at) continue
      const strike = (): void => {
        this.#watch.mark(event.task)
        if (event.kind === 'crash') die()
        else this.#strike(event, on.threads)
      }
      strikes.set(event.task, [...(strikes.get(event.task) ?? []), strike])
    }
    return strikes
  }

  #strike(event: FaultEvent, threads: readonly VirtualProcess[]): void {
    const broker = this.#broker
    const after = (millis: number, end: () => void): void => {
      // The world goes on to the end of a fault, but does not wait for it.
      this.#weather.after(millis, end)
    }
    const endOf = (worker: number): VirtualEnd | undefined =>
      broker?.ends[worker % Math.max(1, broker.ends.length)]
    switch (event.kind) {
      case 'pause':
        threads[event.worker % threads.length]?.pause(event.millis)
        return
      case 'jump':
        this.#runtime.jump(event.millis)
        return
      case 'clog':
        broker?.clog(event.from % threads.length, event.to % threads.length, event.millis)
        return
      case 'outage':
        broker?.cut()
        after(event.millis, () => broker?.mend())
        return
      case 'partition': {
        const end = endOf(event.worker)
        end?.cut(event.way)
        after(event.millis, () => end?.mend(event.way))
        return
      }
      default:
    }
  }

  #brokerOf(weather: Weather): VirtualBroker {
    const chance = this.#chance.fork()
    const broker = new VirtualBroker(this.#runtime, {
      random: () => chance.number(),
      carried: (bytes) => this.#watch.mark(crc32(bytes)),
    })
    broker.weather = weather
    return broker
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
        delay: this.#plan.disk.delay,
        failures: this.#plan.disk.failures,
      },
    )
  }

  /** What a dead process finds out about its store, nobody hears. */
  #loggerOf(process: VirtualProcess): Logger {
    const keep = (_: object, message: string): void => {
      if (!process.dead) this.#messages.push(message)
    }
    return { info: keep, warn: keep, error: keep }
  }
}

/** Remembers how much each sink of a flow that collects holds; tells later what was added. */
const marksOf = (flow: Dataflow): (() => Map<string, readonly unknown[]>) => {
  const sinks = flow.steps.flatMap(({ id, spec }) => {
    const sink: unknown = spec.kind === 'sink' ? spec.sink : null
    return sink instanceof TestingSink || sink instanceof CommittedSink
      ? [{ id, sink, from: sink.items.length }]
      : []
  })
  return () => new Map(sinks.map(({ id, sink, from }) => [id, sink.items.slice(from)]))
}

/** A write that failed where nothing could wait for the next; damage is another matter. */
const isUnwritten = (error: unknown): boolean =>
  error instanceof RecoveryError && error.constructor === RecoveryError

/** What is committed belongs to one simulation, unless its store goes on. */
const clearSinks = (flow: Dataflow): void => {
  for (const { spec } of flow.steps) {
    const sink: unknown = spec.kind === 'sink' ? spec.sink : null
    if (sink instanceof CommittedSink) sink.clear()
  }
}

const outputsOf = (executions: readonly SimulatedExecution[]): Map<string, readonly unknown[]> => {
  const all = new Map<string, readonly unknown[]>()
  for (const { outputs } of executions) {
    for (const [id, items] of outputs) all.set(id, [...(all.get(id) ?? []), ...items])
  }
  return all
}

/** The error as it is, telling in the end how it is brought about again. */
const withReplay = (error: unknown, text: string): unknown => {
  if (!(error instanceof Error) || error.message.endsWith(text)) return error
  const { message, stack } = error
  error.message = `${message}\n${text}`
  if (stack?.includes(message) === true) error.stack = stack.replace(message, () => error.message)
  return error
}

const replayText = (options: SimulationOptions, faults: Faults): string => {
  const { seed = 1, workers = 1, epochInterval } = options
  const asked = {
    seed,
    workers,
    ...(epochInterval === undefined ? {} : { epochInterval }),
    ...(options.faults === undefined ? {} : { faults: options.faults }),
  }
  const events = faults.events?.length ?? 0
  return `Seed ${seed} does this again: simulate(flow, ${JSON.stringify(asked)}). ${events} faults were to strike; minimise(flow, ...) finds the fewest.`
}
