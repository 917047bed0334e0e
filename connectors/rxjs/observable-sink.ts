/**
 * Hands items to subscribers of an Observable, or to a `for await` loop.
 *
 * - **Partitions**: none; every worker of this thread hands over what reaches it.
 * - **Position**: none.
 * - **Delivery**: at least once: a resumed run hands over again what followed the last committed epoch.
 * - **Back-pressure**: a `for await` loop slows the flow down to its own pace; subscribers are called
 *   synchronously and can't.
 * - **Needs**: nothing beyond the package itself.
 */
import { defer, type Observable, Subject } from 'rxjs'
import { DynamicSink, StatelessSinkPartition } from '../../lib/flow/sink.ts'

/**
 * A sink whose items are an Observable, and an async iterable.
 *
 * `items$` completes when the flow has ended or was stopped, and errors with what it failed with; so
 * does iteration. Both are hot: what comes before the first subscription or loop is not kept, so
 * subscribe before `start`, or directly after it. A sink that is run again starts anew: subscribe
 * after that `start`.
 *
 * @example
 * ```ts
 * const sink = new ObservableSink<number>()
 * flow.input('in', source).output('out', sink)
 * sink.items$.subscribe({ next: console.log, complete: () => console.log('ended') })
 * await run(flow)
 * ```
 */
export class ObservableSink<T> extends DynamicSink<T> implements AsyncIterable<T> {
  /** What reaches the sink. */
  readonly items$: Observable<T> = defer(() => this.#outlet.items$)
  #outlet = new Outlet<T>()
  /** Runs that use this object now; several when a whole cluster runs in one process. */
  #users = 0

  override useRun(): void {
    if (this.#users === 0 && this.#outlet.ended) this.#outlet = new Outlet<T>()
    this.#users += 1
  }

  override endRun(failure: unknown): void {
    this.#users -= 1
    if (this.#users === 0 || failure !== null) this.#outlet.end(failure)
  }

  override build(
    _stepId?: string,
    _workerIndex?: number,
    _workerCount?: number,
  ): StatelessSinkPartition<T> {
    return new OutletPartition(this.#outlet)
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this.#outlet.iterate()
  }
}

/** Everyone who listens to one run. */
class Outlet<T> {
  readonly items$: Subject<T> = new Subject<T>()
  readonly #loops = new Set<Loop<T>>()
  #failure: unknown = null
  ended = false

  /** Resolves when every loop has taken the batch. */
  async hand(items: readonly T[]): Promise<void> {
    const loops = [...this.#loops].map((loop) => loop.hand(items))
    for (const item of items) this.items$.next(item)
    if (loops.length > 0) await Promise.all(loops)
  }

  iterate(): AsyncIterableIterator<T> {
    const loop = new Loop<T>(() => this.#loops.delete(loop))
    if (this.ended) loop.end(this.#failure)
    else this.#loops.add(loop)
    return loop
  }

  end(failure: unknown): void {
    if (this.ended) return
    this.ended = true
    this.#failure = failure
    for (const loop of this.#loops) loop.end(failure)
    this.#loops.clear()
    if (failure === null) this.items$.complete()
    else this.items$.error(failure)
  }
}

/** A batch that a loop works through, and who waits for it. */
interface Handed<T> {
  readonly items: readonly T[]
  next: number
  readonly taken: () => void
}

interface Waiting<T> {
  readonly resolve: (result: IteratorResult<T>) => void
  readonly reject: (cause: unknown) => void
}

/** One `for await` over the sink; a batch counts as taken when the loop asks for what follows it. */
class Loop<T> implements AsyncIterableIterator<T> {
  readonly #leave: () => void
  readonly #handed: Handed<T>[] = []
  readonly #waiting: Waiting<T>[] = []
  #ended = false
  #failure: unknown = null

  constructor(leave: () => void) {
    this.#leave = leave
  }

  hand(items: readonly T[]): Promise<void> {
    if (items.length === 0 || this.#ended) return Promise.resolve()
    return new Promise((taken) => {
      this.#handed.push({ items, next: 0, taken })
      this.#serve()
    })
  }

  next(): Promise<IteratorResult<T>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#serve()
    })
  }

  /** The loop was left: what it was handed counts as taken. */
  return(): Promise<IteratorResult<T>> {
    this.#leave()
    this.#ended = true
    for (const { taken } of this.#handed.splice(0)) taken()
    this.#serve()
    return Promise.resolve({ value: undefined, done: true })
  }

  end(failure: unknown): void {
    this.#ended = true
    this.#failure = failure
    this.#serve()
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const batch = this.#handed[0]
      if (batch === undefined) {
        if (!this.#ended) return
        this.#answerEnd()
      } else if (batch.next === batch.items.length) {
        this.#handed.shift()
        batch.taken()
      } else {
        this.#waiting.shift()?.resolve({ value: batch.items[batch.next] as T, done: false })
        batch.next += 1
      }
    }
  }

  /** A failure is told once, to whoever asks first. */
  #answerEnd(): void {
    const waiting = this.#waiting.shift()
    if (this.#failure === null) {
      waiting?.resolve({ value: undefined, done: true })
      return
    }
    waiting?.reject(this.#failure)
    this.#failure = null
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this
  }
}

class OutletPartition<T> extends StatelessSinkPartition<T> {
  readonly #outlet: Outlet<T>

  constructor(outlet: Outlet<T>) {
    super()
    this.#outlet = outlet
  }

  override writeBatch(items: T[]): Promise<void> {
    return this.#outlet.hand(items)
  }
}
