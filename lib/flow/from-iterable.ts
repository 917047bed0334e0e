import { positiveCount } from './options.ts'
import { EOF, FixedPartitionedSource, type Polled, StatefulSourcePartition } from './source.ts'

export interface FromIterableOptions {
  /** Items a batch. @defaultValue 1000 */
  readonly batchSize?: number
}

const PART = 'iterable'
const SKIP_PER_TURN = 100_000

/**
 * A source of what an iterable holds, read by one worker.
 *
 * Its position is the number of items handed over; a resumed run passes over that many, so what is
 * iterated must give the same items again: an array, or a function that starts a generator anew.
 * A generator object can be read only once, by one run.
 *
 * @param items - an iterable, or a function that gives one each time the source is opened
 * @param options - the size of a batch
 * @throws what the iterable throws fails the step
 *
 * @example
 * ```ts
 * flow.input('in', fromIterable([1, 2, 3]))
 * flow.input('squares', fromIterable(function* () { for (let n = 0; n < 10; n += 1) yield n * n }))
 * ```
 */
export const fromIterable = <T>(
  items: Iterable<T> | (() => Iterable<T>),
  { batchSize = 1000 }: FromIterableOptions = {},
): FixedPartitionedSource<T, number> =>
  new IterableSource(items, positiveCount('batchSize', batchSize))

class IterableSource<T> extends FixedPartitionedSource<T, number> {
  override readonly givesWatermarks: boolean = false
  readonly #items: Iterable<T> | (() => Iterable<T>)
  readonly #batchSize: number

  constructor(items: Iterable<T> | (() => Iterable<T>), batchSize: number) {
    super()
    this.#items = items
    this.#batchSize = batchSize
  }

  override listParts(): string[] {
    return [PART]
  }

  override buildPart(
    _stepId: string,
    _part: string,
    resume: number | null,
  ): StatefulSourcePartition<T, number> {
    const items = typeof this.#items === 'function' ? this.#items() : this.#items
    return Array.isArray(items)
      ? new ArrayPartition<T>(items, this.#batchSize, resume ?? 0)
      : new IteratorPartition(items[Symbol.iterator](), this.#batchSize, resume ?? 0)
  }
}

class ArrayPartition<T> extends StatefulSourcePartition<T, number> {
  readonly #items: readonly T[]
  readonly #batchSize: number
  #position: number

  constructor(items: readonly T[], batchSize: number, position: number) {
    super()
    this.#items = items
    this.#batchSize = batchSize
    this.#position = position
  }

  override nextBatch(): Polled<T> {
    if (this.#position >= this.#items.length) return EOF
    const batch = this.#items.slice(this.#position, this.#position + this.#batchSize)
    this.#position += batch.length
    return batch
  }

  override snapshot(): number {
    return this.#position
  }
}

class IteratorPartition<T> extends StatefulSourcePartition<T, number> {
  readonly #iterator: Iterator<T>
  readonly #batchSize: number
  #position: number
  #toSkip: number
  #ended = false

  constructor(iterator: Iterator<T>, batchSize: number, position: number) {
    super()
    this.#iterator = iterator
    this.#batchSize = batchSize
    this.#position = position
    this.#toSkip = position
  }

  override nextBatch(): Polled<T> {
    if (!this.#arrive()) return []
    const batch: T[] = []
    while (!this.#ended && batch.length < this.#batchSize) {
      const { done, value } = this.#iterator.next()
      if (done === true) this.#ended = true
      else batch.push(value)
    }
    this.#position += batch.length
    return batch.length === 0 ? EOF : batch
  }

  /** Passes over what was handed over before; a long way takes several turns, as others want theirs. */
  #arrive(): boolean {
    const until = Math.max(0, this.#toSkip - SKIP_PER_TURN)
    while (this.#toSkip > until && !this.#ended) {
      if (this.#iterator.next().done === true) this.#ended = true
      else this.#toSkip -= 1
    }
    if (this.#ended) this.#toSkip = 0
    return this.#toSkip === 0
  }

  override snapshot(): number {
    return this.#position
  }

  override close(): void {
    if (this.#ended) return
    this.#ended = true
    this.#iterator.return?.()
  }
}
