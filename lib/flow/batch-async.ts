import type { Runtime, Timer } from '../runtime/runtime.ts'
import { systemRuntime } from '../runtime/system.ts'
import type { DurationLike } from '../time/time.ts'
import { durationOption, positiveCount } from './options.ts'

export interface BatchAsyncOptions {
  /** How long a batch waits to fill; milliseconds or a duration. */
  readonly timeout: DurationLike
  /** Items a batch at most. */
  readonly maxSize: number
  /** The clock that the timeout runs on. @defaultValue the system's */
  readonly runtime?: Runtime
}

/**
 * Lists of what an async iterator gives: each list ends when it is full or its time is up.
 *
 * An item that arrives after its list was closed opens the next one, so none is lost; between two
 * calls of `next` at most one item is asked for. A list may be empty, when nothing came in time.
 *
 * @param items - an async iterable, or an iterator
 * @param options - the longest wait and the largest list
 * @throws what the iterator throws, once the items before it were handed over
 *
 * @example
 * ```ts
 * const batches = batchAsync(ticks(), { timeout: { seconds: 1 }, maxSize: 2 })
 * for await (const batch of batches) console.log(batch)
 * ```
 */
export const batchAsync = <T>(
  items: AsyncIterable<T> | AsyncIterator<T>,
  { timeout, maxSize, runtime = systemRuntime }: BatchAsyncOptions,
): AsyncIterableIterator<T[]> => {
  const wait = durationOption('timeout', timeout)
  const batches = new AsyncBatches(iteratorOf(items), positiveCount('maxSize', maxSize), runtime)
  return {
    next: async () => {
      const batch = await batches.gather(wait)
      return batch === null ? { value: undefined, done: true } : { value: batch, done: false }
    },
    return: async () => {
      await batches.close()
      return { value: undefined, done: true }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

export const iteratorOf = <T>(items: AsyncIterable<T> | AsyncIterator<T>): AsyncIterator<T> =>
  Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items

type Outcome =
  | { readonly kind: 'open' | 'ended' }
  | { readonly kind: 'failed'; readonly cause: unknown }

/**
 * Batches from an async iterator.
 *
 * B1: at most one `next` of the iterator is pending. B2: its item goes to the list that is open
 * when it arrives, or opens the next. B3: outside of a `gather` no further item is asked for.
 */
export class AsyncBatches<T> {
  readonly #iterator: AsyncIterator<T>
  readonly #maxSize: number
  readonly #runtime: Runtime
  #batch: T[] = []
  #pulling = false
  #outcome: Outcome = { kind: 'open' }
  #settle: (() => void) | null = null
  #timer: Timer | null = null
  /** The wait that begins with the first item, while none has come. */
  #waitFromFirst: number | null = null

  constructor(iterator: AsyncIterator<T>, maxSize: number, runtime: Runtime) {
    this.#iterator = iterator
    this.#maxSize = maxSize
    this.#runtime = runtime
  }

  /** The next list after at most `wait` milliseconds; `null` after the last. */
  gather(wait: number): Promise<T[] | null> {
    return this.#gather(() => {
      this.#timer = this.#runtime.after(wait, this.#close)
    })
  }

  /** The next list, never empty: it closes `wait` milliseconds after its first item. */
  gatherFromFirst(wait: number): Promise<T[] | null> {
    return this.#gather(() => {
      this.#waitFromFirst = wait
      if (this.#batch.length > 0) this.#startTimer()
    })
  }

  /** Ends the iterator; one that is still waiting for an item is told but not waited for. */
  async close(): Promise<void> {
    if (this.#outcome.kind !== 'open') return
    this.#outcome = { kind: 'ended' }
    this.#close()
    const returned = this.#iterator.return?.()
    // An async generator answers `return` only after its pending `next`, which may never come.
    if (this.#pulling) returned?.catch(() => undefined)
    else await returned
  }

  async #gather(setTimer: () => void): Promise<T[] | null> {
    if (this.#outcome.kind === 'open' && this.#batch.length < this.#maxSize) {
      await new Promise<void>((resolve) => {
        this.#settle = resolve
        setTimer()
        if (!this.#pulling) this.#pull()
      })
    }
    if (this.#batch.length > 0) {
      const batch = this.#batch
      this.#batch = []
      return batch
    }
    if (this.#outcome.kind === 'failed') {
      const { cause } = this.#outcome
      this.#outcome = { kind: 'ended' }
      throw cause
    }
    return this.#outcome.kind === 'ended' ? null : []
  }

  #startTimer(): void {
    const wait = this.#waitFromFirst
    if (wait === null) return
    this.#waitFromFirst = null
    this.#timer = this.#runtime.after(wait, this.#close)
  }

  readonly #close = (): void => {
    this.#timer?.cancel()
    this.#timer = null
    this.#waitFromFirst = null
    const settle = this.#settle
    this.#settle = null
    settle?.()
  }

  #pull(): void {
    this.#pulling = true
    try {
      this.#iterator.next().then(this.#onResult, this.#onFailure)
    } catch (cause) {
      this.#onFailure(cause)
    }
  }

  readonly #onResult = (result: IteratorResult<T>): void => {
    this.#pulling = false
    if (result.done === true) {
      if (this.#outcome.kind === 'open') this.#outcome = { kind: 'ended' }
      this.#close()
      return
    }
    this.#batch.push(result.value)
    if (this.#settle === null) return
    if (this.#batch.length >= this.#maxSize) {
      this.#close()
      return
    }
    if (this.#batch.length === 1) this.#startTimer()
    this.#pull()
  }

  readonly #onFailure = (cause: unknown): void => {
    this.#pulling = false
    if (this.#outcome.kind === 'open') this.#outcome = { kind: 'failed', cause }
    this.#close()
  }
}
