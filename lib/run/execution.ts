import type { Observable } from 'rxjs'
import { Subject } from '../actor/observable.ts'
import type { WorkerSummary } from '../worker/worker.ts'
import type { WorkerFacts } from '../worker/worker-facts.ts'
import type { Crew, CrewHost, Progress, ThreadQuestion } from './crew.ts'
import { LogLimit } from './log-limit.ts'
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
export interface ExecutionMetrics extends Progress {}

/**
 * A flow that runs.
 *
 * `done` resolves after sources, sinks and the store are closed; it rejects with what made the flow
 * fail.
 */
export class Execution {
  readonly done: Promise<Summary>
  readonly #crew: Crew
  readonly #events = new Subject<ExecutionEvent>()
  #stopping = false

  constructor(
    settings: Pick<Settings, 'logger' | 'signal' | 'runtime'>,
    assemble: (host: CrewHost) => Crew,
  ) {
    const limit = new LogLimit(settings.runtime)
    this.#crew = assemble({
      report: (level, message, fields = {}) => {
        const line = limit.pass(message)
        if (line !== null) settings.logger[level](fields, line)
        this.#events.next({ kind: 'message', level, message })
      },
      committed: (epoch) => this.#events.next({ kind: 'committed', epoch }),
    })
    this.done = this.#run(settings.signal)
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
    if (!this.#stopping) {
      this.#stopping = true
      this.#crew.stop(drain)
    }
    return this.done
  }

  /**
   * The live state of a key of a keyed step; `undefined` where it has none.
   *
   * @param stepId - as written in the flow, without the flow's name
   */
  query(stepId: string, key: string): Promise<unknown> {
    return this.#crew.query(stepId, key)
  }

  /**
   * How many workers have been placed.
   *
   * @internal
   */
  get workers(): number {
    return this.#crew.progress.length
  }

  metrics(): ExecutionMetrics {
    const all = this.#crew.progress
    return {
      epoch: Math.max(0, ...all.map(({ epoch }) => epoch)),
      committed: all.length === 0 ? 0 : Math.min(...all.map(({ committed }) => committed)),
      itemsIn: sum(all.map(({ itemsIn }) => itemsIn)),
      itemsOut: sum(all.map(({ itemsOut }) => itemsOut)),
      skipped: sum(all.map(({ skipped }) => skipped)),
    }
  }

  /**
   * Where every worker that is under way stands. From the first call on workers time their batches.
   *
   * @internal
   */
  observe(): Promise<readonly WorkerFacts[]> {
    return this.#crew.observe()
  }

  /**
   * What the threads of workers say, by worker; nothing where workers share the caller's thread.
   *
   * @internal
   */
  ask(question: ThreadQuestion): Promise<ReadonlyMap<number, unknown>> {
    return this.#crew.ask(question)
  }

  async #run(signal: AbortSignal | null): Promise<Summary> {
    const stop = (): void => {
      this.stop().catch(() => {})
    }
    signal?.addEventListener('abort', stop)
    if (signal?.aborted === true) queueMicrotask(stop)
    try {
      return total(await this.#crew.run())
    } finally {
      signal?.removeEventListener('abort', stop)
      this.#events.complete()
    }
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const total = (parts: readonly WorkerSummary[]): Summary => ({
  reason: parts.some(({ reason }) => reason === 'stopped') ? 'stopped' : 'eof',
  epoch: Math.max(...parts.map(({ epoch }) => epoch)),
  itemsIn: sum(parts.map(({ itemsIn }) => itemsIn)),
  itemsOut: sum(parts.map(({ itemsOut }) => itemsOut)),
  skipped: sum(parts.map(({ skipped }) => skipped)),
})
