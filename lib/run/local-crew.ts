import { hashKey, ownerOfHash } from '../exchange/hash.ts'
import { MemoryGroup, memoryNetworks } from '../exchange/memory-network.ts'
import type { Network } from '../exchange/network.ts'
import type { Dataflow } from '../flow/dataflow.ts'
import type { RunAware } from '../flow/run-facts.ts'
import { type RecoveryDirectory, RecoveryStore } from '../recovery/recovery-store.ts'
import type { RecoveryPartition, Store } from '../recovery/store.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Watch } from '../worker/ports.ts'
import { Worker, type WorkerSummary } from '../worker/worker.ts'
import type { WorkerFacts } from '../worker/worker-facts.ts'
import type { Crew, CrewHost, Progress } from './crew.ts'
import type { Settings } from './options.ts'

/** What workers of one thread stand on; a simulation brings its own. No option of a user's. */
export interface Ground {
  /** How the workers reach one another. */
  networks(count: number): readonly Network[]
  /** Whose time a worker lives on. */
  runtimeOf(worker: number): Runtime
  /** Told of the workers before they begin. */
  readonly placed?: (workers: readonly Worker[]) => void
  readonly watch?: Watch
}

const groundOf = (runtime: Runtime): Ground => ({
  networks: (count) => memoryNetworks(count, runtime),
  runtimeOf: () => runtime,
})

/** Workers that share the thread of whoever started them, and so the flow's own objects. */
export class LocalCrew implements Crew {
  readonly #flow: Dataflow
  readonly #settings: Settings
  readonly #host: CrewHost
  readonly #ground: Ground
  readonly #outside: readonly RunAware[]
  #workers: readonly Worker[] = []
  #stop: { readonly drain: boolean } | null = null

  // biome-ignore lint/complexity/useMaxParams: the ground is there for simulations alone.
  constructor(
    flow: Dataflow,
    settings: Settings,
    host: CrewHost,
    ground: Ground = groundOf(settings.runtime),
  ) {
    this.#flow = flow
    this.#settings = settings
    this.#host = host
    this.#ground = ground
    this.#outside = outsideOf(flow)
    const run = { runtime: settings.runtime, recovery: settings.recovery !== null }
    for (const each of this.#outside) each.useRun?.(run)
  }

  async run(): Promise<readonly WorkerSummary[]> {
    let partitions: readonly RecoveryPartition[] | null = null
    let failure: unknown = null
    try {
      partitions = await this.#openStore()
      return await this.#work(partitions)
    } catch (error) {
      failure = error
      throw error
    } finally {
      for (const each of this.#outside) each.endRun?.(failure)
      for (const partition of partitions ?? []) await this.#closePartition(partition)
    }
  }

  stop(drain: boolean): void {
    this.#stop ??= { drain }
    this.#workers[0]?.stop(drain)
  }

  async query(stepId: string, key: string): Promise<unknown> {
    const owner = ownerOfHash(hashKey(key), this.#workers.length)
    return this.#workers[owner]?.query(stepId, key)
  }

  get progress(): readonly Progress[] {
    return this.#workers.map((worker) => worker.progress)
  }

  async observe(): Promise<readonly WorkerFacts[]> {
    return this.#workers.map((worker) => worker.observe()).filter((facts) => facts !== null)
  }

  /** There are no threads but the one that asks. */
  async ask(): Promise<ReadonlyMap<number, unknown>> {
    return new Map()
  }

  async #openStore(): Promise<readonly RecoveryPartition[] | null> {
    const { recovery, runtime } = this.#settings
    if (recovery === null) return null
    const store: Store = isDirectory(recovery)
      ? await RecoveryStore.openOrInit(recovery, (message) =>
          this.#host.report('info', message, { flow: this.#flow.id }),
        )
      : recovery
    return store.open({
      runtime,
      alarm: (message, cause) =>
        this.#host.report('error', message, { flow: this.#flow.id, ...causeOf(cause) }),
      fail: (error) => {
        for (const worker of this.#workers) worker.crash(error)
      },
    })
  }

  async #work(partitions: readonly RecoveryPartition[] | null): Promise<readonly WorkerSummary[]> {
    const { workers: count, epochInterval, onError, recovery, tracing } = this.#settings
    // Chance is asked only where it matters, so that nothing else changes in a simulation.
    const seed = tracing === null ? '' : seedOf(this.#settings.runtime)
    const { watch, placed } = this.#ground
    const group = new MemoryGroup(count)
    this.#workers = this.#ground.networks(count).map(
      (network, index) =>
        new Worker({
          flow: this.#flow,
          runtime: this.#ground.runtimeOf(index),
          network,
          group: group.member(index),
          epochInterval,
          onError,
          recovery: partitions?.filter((_, at) => at % count === index) ?? null,
          allowRewind:
            recovery !== null && 'allowRewind' in recovery && recovery.allowRewind === true,
          report: (level, message, fields) => this.#host.report(level, message, fields),
          committed: (epoch) => {
            if (index === 0) this.#host.committed(epoch)
          },
          tracer:
            tracing?.open({ flow: this.#flow.id, worker: index, workers: count, seed }) ?? null,
          ...(watch === undefined ? {} : { watch }),
        }),
    )
    placed?.(this.#workers)
    const runs = this.#workers.map((worker) =>
      worker.run().catch((error: unknown) => {
        for (const other of this.#workers) other.crash(error)
        throw error
      }),
    )
    if (this.#stop !== null) this.#workers[0]?.stop(this.#stop.drain)
    const ends = await Promise.allSettled(runs)
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return ends.map((end) => (end as PromiseFulfilledResult<WorkerSummary>).value)
  }

  async #closePartition(partition: RecoveryPartition): Promise<void> {
    try {
      await partition.close()
    } catch (error) {
      const fields = { flow: this.#flow.id, err: error }
      this.#host.report('warn', 'a recovery partition could not be closed', fields)
    }
  }
}

/** Everything of a flow that wants to be told of its runs, each object once. */
export const outsideOf = (flow: Dataflow): readonly RunAware[] => {
  const found = new Set<RunAware>()
  for (const { spec } of flow.steps) {
    if (spec.kind === 'source') found.add(spec.source)
    if (spec.kind === 'sink') found.add(spec.sink)
  }
  return [...found]
}

/** What was thrown, as a field of a log line. */
export const causeOf = (cause: unknown): { readonly err?: unknown } =>
  cause === null || cause === undefined ? {} : { err: cause }

/** What tells the traces of an execution from those of any other. */
export const seedOf = (runtime: Runtime): string =>
  Array.from({ length: 4 }, () => Math.floor(runtime.random() * 2 ** 32).toString(16)).join('-')

export const isDirectory = (recovery: object): recovery is RecoveryDirectory =>
  !('open' in recovery)
