import type { SchedulerLike } from 'rxjs'
import { END, type Signal, WATERMARK } from '../lib/signal/signal.ts'
import type { TaskContext, TaskProcessor } from '../lib/state/task.ts'
import { EngineScheduler } from './engine-scheduler.ts'
import { type Project, RxPassage } from './rx-passage.ts'

/** What both lives of a pipeline share: gathering results, and what becomes of errors. */
abstract class RxTask implements TaskProcessor {
  readonly #project: Project
  readonly #scheduler: SchedulerLike
  readonly #context: TaskContext
  #flushing = false
  #closed = false
  protected passage: RxPassage | null = null

  constructor(project: Project, context: TaskContext) {
    this.#project = project
    this.#context = context
    this.#scheduler = new EngineScheduler(context.runtime, (cause) => this.#fail(cause))
  }

  abstract readonly full: boolean
  abstract onBatch(epoch: number, items: readonly unknown[]): void
  abstract onProgress(signal: Signal): void
  /** The epoch that results join now. */
  protected abstract readonly epoch: number
  /** The pipeline has completed while no batch was inside. */
  protected abstract onFinished(): void

  close(): void {
    this.#closed = true
    this.passage?.close()
  }

  /** A new life of the pipeline. */
  protected begin(): RxPassage {
    const passage = new RxPassage(() => this.#flushSoon())
    this.passage = passage
    passage.open(this.#project, this.#scheduler)
    return passage
  }

  /** Hands over what has come out; with what the pipeline failed with, the run ends here. */
  protected flush(): void {
    const { passage } = this
    if (passage === null || this.#closed) return
    const { results } = passage
    if (results.length > 0) {
      passage.results = []
      this.#context.emit(this.epoch, results)
    }
    if (passage.error !== null) this.#fail(passage.error.cause)
  }

  protected pass(signal: Signal): void {
    if (!this.#closed) this.#context.pass(signal)
  }

  protected wake(): void {
    this.#context.wake()
  }

  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    this.#context.runtime.soon(() => {
      this.#flushing = false
      if (this.#closed) return
      this.flush()
      if (!this.#closed && this.passage?.finished === true) this.onFinished()
    })
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.close()
    try {
      this.#context.fail({ callback: 'project', error })
    } catch (fatal) {
      this.#context.crash(fatal)
    }
  }
}

/**
 * One life for the whole run, on each worker.
 *
 * Results that come out while a batch is inside have its epoch, later ones that of the open epoch.
 * Progress passes through, but the end waits until the pipeline has completed.
 */
export class RxPerRun extends RxTask {
  readonly full: boolean = false
  protected epoch = 0
  #end: Signal | null = null

  onBatch(epoch: number, items: readonly unknown[]): void {
    const passage = this.passage ?? this.begin()
    this.epoch = epoch
    passage.feed(items)
    this.flush()
  }

  onProgress(signal: Signal): void {
    this.flush()
    if (signal.epoch === END) {
      this.#onEnd(signal)
      return
    }
    this.epoch = signal.epoch
    this.pass(signal)
    if (this.passage === null && signal.kind !== WATERMARK) this.begin()
    this.flush()
  }

  protected onFinished(): void {
    const end = this.#end
    this.#end = null
    if (end !== null) this.pass(end)
  }

  /** Stopped, its input has not ended: it is left as it is. Otherwise it may finish. */
  #onEnd(signal: Signal): void {
    const { passage } = this
    this.#end = signal
    if (signal.halted) {
      passage?.close()
    } else if (passage !== null) {
      passage.complete()
      this.flush()
      if (!passage.finished) return
    }
    this.onFinished()
  }
}

/**
 * A life for each epoch that has items, completed at its end.
 *
 * Watermarks and frontiers wait until the pipeline has completed, so its results are of its epoch.
 */
export class RxPerEpoch extends RxTask {
  protected epoch = 0
  #completing = false
  #held: Signal[] = []

  /** The next epoch's items wait until this one's pipeline has completed. */
  get full(): boolean {
    return this.#completing
  }

  onBatch(epoch: number, items: readonly unknown[]): void {
    this.epoch = epoch
    const passage = this.passage ?? this.begin()
    passage.feed(items)
    this.flush()
  }

  onProgress(signal: Signal): void {
    if (this.passage === null) {
      this.pass(signal)
      return
    }
    if (signal.kind === WATERMARK && this.#held.at(-1)?.kind === WATERMARK) this.#held.pop()
    this.#held.push(signal)
    if (signal.kind !== WATERMARK && !this.#completing) this.#complete(this.passage)
  }

  protected onFinished(): void {
    if (!this.#completing) return
    this.#completing = false
    this.passage?.close()
    this.passage = null
    const held = this.#held
    this.#held = []
    for (const signal of held) this.pass(signal)
    this.wake()
  }

  #complete(passage: RxPassage): void {
    this.#completing = true
    passage.complete()
    this.flush()
    if (passage.finished) this.onFinished()
  }
}
