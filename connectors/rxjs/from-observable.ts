/**
 * Reads what an Observable emits.
 *
 * - **Partitions**: one, `observable`, read by one worker.
 * - **Position**: none; what was emitted is gone.
 * - **Delivery**: at most once: items that are buffered or behind the last committed epoch are lost
 *   in a crash.
 * - **Back-pressure**: an Observable can't be slowed down. A bounded buffer takes what the flow can't
 *   take yet; `overflow` says what happens when it is full.
 * - **Needs**: nothing beyond the package itself.
 */
import type { Observable, Subscription } from 'rxjs'
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { positiveCount } from '../../lib/flow/options.ts'
import {
  EOF,
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
} from '../../lib/flow/source.ts'

/** What happens to an item that finds the buffer full. */
export type Overflow = 'error' | 'dropOldest' | 'dropNewest'

export interface FromObservableOptions {
  /** Items that wait at most. @defaultValue 1024 */
  readonly buffer?: number
  /** Fail, or drop the longest waiting item, or the one that came. @defaultValue 'error' */
  readonly overflow?: Overflow
}

/**
 * A source of what an Observable emits.
 *
 * Subscribes once a run, before `start` returns, so nothing that a Subject emits after `start` is
 * missed; unsubscribes when the run is over. Completion ends the source, an error fails the step
 * after the items before it.
 *
 * @param items$ - the Observable; one that emits everything at once on subscription needs a buffer
 * for all of it, so a plain iterable is better read with `fromIterable`
 * @param options - the buffer, and what happens when it is full
 * @throws ConnectorError when the buffer is full (`overflow: 'error'`), or with the Observable's error
 *
 * @example
 * ```ts
 * const clicks$ = new Subject<string>()
 * flow.input('clicks', fromObservable(clicks$, { buffer: 10_000, overflow: 'dropOldest' }))
 * ```
 */
export const fromObservable = <T>(
  items$: Observable<T>,
  { buffer = 1024, overflow = 'error' }: FromObservableOptions = {},
): ObservableSource<T> => new ObservableSource(items$, positiveCount('buffer', buffer), overflow)

/** The source that {@link fromObservable} makes. */
export class ObservableSource<T> extends FixedPartitionedSource<T, null> {
  readonly #items$: Observable<T>
  readonly #limit: number
  readonly #overflow: Overflow
  #inbox: Inbox<T> | null = null
  /** Runs that use this object now; several when a whole cluster runs in one process. */
  #users = 0

  constructor(items$: Observable<T>, limit: number, overflow: Overflow) {
    super()
    if (!['error', 'dropOldest', 'dropNewest'].includes(overflow)) {
      throw new BuildError(
        `overflow must be 'error', 'dropOldest' or 'dropNewest'; got ${String(overflow)}.`,
      )
    }
    this.#items$ = items$
    this.#limit = limit
    this.#overflow = overflow
  }

  /** Items that the last run dropped because the buffer was full. */
  get dropped(): number {
    return this.#inbox?.dropped ?? 0
  }

  override useRun(): void {
    if (this.#users === 0) this.#subscribe()
    this.#users += 1
  }

  override endRun(): void {
    this.#users -= 1
    if (this.#users === 0) this.#inbox?.close()
  }

  override listParts(): string[] {
    return ['observable']
  }

  override buildPart(
    _stepId?: string,
    _part?: string,
    _resume?: null,
  ): StatefulSourcePartition<T, null> {
    const inbox = this.#inbox
    return new ObservablePartition(inbox === null || inbox.closed ? this.#subscribe() : inbox)
  }

  #subscribe(): Inbox<T> {
    this.#inbox = new Inbox<T>(this.#limit, this.#overflow)
    this.#inbox.open(this.#items$)
    return this.#inbox
  }
}

/** The bounded buffer between an Observable, which pushes, and a partition, which is asked. */
class Inbox<T> {
  readonly #limit: number
  readonly #overflow: Overflow
  #items: T[] = []
  #ended = false
  #failure: ConnectorError | null = null
  #subscription: Subscription | null = null
  #wake: (() => void) | null = null
  dropped = 0
  closed = false

  constructor(limit: number, overflow: Overflow) {
    this.#limit = limit
    this.#overflow = overflow
  }

  open(items$: Observable<T>): void {
    this.#subscription = items$.subscribe({
      next: (item) => this.#take(item),
      error: (cause: unknown) => {
        this.#fail(new ConnectorError(`The Observable failed: ${messageOf(cause)}`, { cause }))
      },
      complete: () => this.#end(),
    })
    if (this.#ended) this.#subscription.unsubscribe()
  }

  /** All that waits, the end, or a promise of either. */
  take(): Polled<T> | Promise<Polled<T>> {
    if (this.#items.length === 0 && !this.#ended) {
      return new Promise<void>((resolve) => {
        this.#wake = resolve
      }).then(() => this.#handOver())
    }
    return this.#handOver()
  }

  #handOver(): Polled<T> {
    if (this.#items.length > 0) {
      const items = this.#items
      this.#items = []
      return items
    }
    if (this.#failure !== null) throw this.#failure
    return EOF
  }

  #take(item: T): void {
    if (this.#ended) return
    if (this.#items.length >= this.#limit) {
      if (this.#overflow === 'error') {
        this.#fail(tooMany(this.#limit))
        return
      }
      this.dropped += 1
      if (this.#overflow === 'dropNewest') return
      this.#items.shift()
    }
    this.#items.push(item)
    this.#notify()
  }

  #fail(failure: ConnectorError): void {
    this.#failure = failure
    this.#end()
  }

  #end(): void {
    this.#ended = true
    this.#subscription?.unsubscribe()
    this.#notify()
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  close(): void {
    this.closed = true
    this.#end()
  }
}

const messageOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause)

const tooMany = (limit: number): ConnectorError =>
  new ConnectorError(
    `The Observable emitted faster than the flow took: more than ${limit} items were waiting. Raise buffer, choose overflow 'dropOldest' or 'dropNewest', or read an iterable with fromIterable, which can be slowed down.`,
  )

class ObservablePartition<T> extends StatefulSourcePartition<T, null> {
  readonly #inbox: Inbox<T>

  constructor(inbox: Inbox<T>) {
    super()
    this.#inbox = inbox
  }

  override nextBatch(): Polled<T> | Promise<Polled<T>> {
    return this.#inbox.take()
  }

  override snapshot(): null {
    return null
  }

  override close(): void {
    this.#inbox.close()
  }
}
