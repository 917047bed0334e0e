import { type Observable, Subject } from 'rxjs'
import type { Dataflow } from '../flow/dataflow.ts'
import { hashKey, ownerOfHash } from '../exchange/hash.ts'
import { memoryNetworks, MemoryGroup } from '../exchange/memory-network.ts'
import type { RunAware } from '../flow/run-facts.ts'
import { type RecoveryDirectory, RecoveryStore } from '../recovery/recovery-store.ts'
import type { RecoveryPartition, Store } from '../recovery/store.ts'
import { Worker, type WorkerSummary } from '../worker/worker.ts'
import type { Settings } from './options.ts'

/** What a run has done. */
export interface Summary extends WorkerSummary {}

/** Something that happened while a flow ran. */
export type ExecutionEvent =
  | { readonly kind: 'committed'; readonly epoch: number }
  | {
      readonly kind: 'message'
      readonly level: 'info' | 'warn' | 'error'
      readonly message: string
    }

/** Counts of a running flow, over all its workers. */
export interface ExecutionMetrics {
  readonly epoch: number
  /** Every epoch before this one is complete. */
  readonly committed: number
  readonly itemsIn: number
  readonly itemsOut: number
  readonly skipped: number
}

/**
 * A flow that runs.
 *
 * `done` resolves after sources, sinks and the store are closed; it rejects with what made the flow
 * fail.
 */
export class Execution {
  readonly done: Promise<Summary>
  readonly #flow: Dataflow
  readonly #settings: Settings
  readonly #events = new Subject<ExecutionEvent>()
  readonly #outside: readonly RunAware[]
  #workers: readonly Worker[] = []
  #stop: { readonly drain: boolean } | null = null

  constructor(flow: Dataflow, settings: Settings) {
    this.#flow = flow
    this.#settings = settings
    this.#outside = outsideOf(flow)
    const run = { runtime: settings.runtime, recovery: settings.recovery !== null }
    for (const each of this.#outside) each.useRun?.(run)
    this.done = this.#run()
    // A caller that only listens to events must not be ended by an unhandled rejection.
    this.done.catch(() => {})
  }

  /** What happens while the flow runs; completes when it has ended. */
  get events$(): Observable<ExecutionEvent> {
    return this.#events.asObservable()
  }

  /**
   * Stops the flow: the open epoch is closed and committed, and windows stay open; or, with
   * `drain`, as if all input had ended. Resolves as `done` does.
   */
  stop({ drain = false }: { readonly drain?: boolean } = {}): Promise<Summary> {
    if (this.#stop === null) {
      this.#stop = { drain }
      this.#workers[0]?.stop(drain)
    }
    return this.done
  }

  /**
   * The live state of a key of a keyed step; `undefined` where it has none.
   *
   * @param stepId - as written in the flow, without the flow's name
   */
  async query(stepId: string, key: string): Promise<unknown> {
    const owner = ownerOfHash(hashKey(key), this.#workers.length)
    return this.#workers[owner]?.query(stepId, key)
  }

  metrics(): ExecutionMetrics {
    const all = this.#workers.map((worker) => worker.progress)
    return {
      epoch: Math.max(0, ...all.map(({ epoch }) => epoch)),
      committed: all.length === 0 ? 0 : Math.min(...all.map(({ committed }) => committed)),
      itemsIn: sum(all.map(({ itemsIn }) => itemsIn)),
      itemsOut: sum(all.map(({ itemsOut }) => itemsOut)),
      skipped: sum(all.map(({ skipped }) => skipped)),
    }
  }

  async #run(): Promise<Summary> {
    let failure: unknown = null
    const stop = (): void => void this.stop().catch(() => {})
    const { signal } = this.#settings
    signal?.addEventListener('abort', stop)
    if (signal?.aborted === true) stop()
    let partitions: readonly RecoveryPartition[] | null = null
    try {
      partitions = await this.#openStore()
      return await this.#work(partitions)
    } catch (error) {
      failure = error
      throw error
    } finally {
      signal?.removeEventListener('abort', stop)
      await this.#close(partitions, failure)
    }
  }

  async #openStore(): Promise<readonly RecoveryPartition[] | null> {
    const { recovery, runtime, logger } = this.#settings
    if (recovery === null) return null
    const store: Store = isDirectory(recovery)
      ? await RecoveryStore.openOrInit(recovery, (message) => logger.info(message))
      : recovery
    return store.open({
      runtime,
      alarm: (message, cause) => this.#report('error', message, cause),
    })
  }

  async #work(partitions: readonly RecoveryPartition[] | null): Promise<Summary> {
    const { workers: count, runtime, epochInterval, onError } = this.#settings
    const networks = memoryNetworks(count, runtime)
    const group = new MemoryGroup(count)
    this.#workers = networks.map(
      (network, index) =>
        new Worker({
          flow: this.#flow,
          runtime,
          network,
          group: group.member(index),
          epochInterval,
          onError,
          recovery: partitions?.filter((_, at) => at % count === index) ?? null,
          report: (level, message, error) => this.#report(level, message, error),
          committed: (epoch) => {
            if (index === 0) this.#events.next({ kind: 'committed', epoch })
          },
        }),
    )
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
    return total(ends.map((end) => (end as PromiseFulfilledResult<WorkerSummary>).value))
  }

  async #close(partitions: readonly RecoveryPartition[] | null, failure: unknown): Promise<void> {
    for (const each of this.#outside) each.endRun?.(failure)
    for (const partition of partitions ?? []) {
      await partition.close().catch((error: unknown) => {
        this.#report('warn', 'a recovery partition could not be closed', error)
      })
    }
    this.#events.complete()
  }

  #report(level: 'info' | 'warn' | 'error', message: string, error?: unknown): void {
    this.#settings.logger[level](message, error)
    this.#events.next({ kind: 'message', level, message })
  }
}

const outsideOf = (flow: Dataflow): readonly RunAware[] => {
  const found = new Set<RunAware>()
  for (const { spec } of flow.steps) {
    if (spec.kind === 'source') found.add(spec.source)
    if (spec.kind === 'sink') found.add(spec.sink)
  }
  return [...found]
}

const isDirectory = (recovery: object): recovery is RecoveryDirectory => !('open' in recovery)

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const total = (parts: readonly WorkerSummary[]): Summary => ({
  reason: parts.some(({ reason }) => reason === 'stopped') ? 'stopped' : 'eof',
  epoch: Math.max(...parts.map(({ epoch }) => epoch)),
  itemsIn: sum(parts.map(({ itemsIn }) => itemsIn)),
  itemsOut: sum(parts.map(({ itemsOut }) => itemsOut)),
  skipped: sum(parts.map(({ skipped }) => skipped)),
})
