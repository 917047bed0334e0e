import { DynamicSink, StatelessSinkPartition } from '../lib/flow/sink.ts'

/**
 * Collects items in an array, for tests.
 *
 * The array is never emptied: between two runs do it yourself (`sink.items.length = 0`).
 *
 * @param items - the array to add to; a new one unless given
 *
 * @example
 * ```ts
 * const sink = new TestingSink<number>()
 * flow.input('in', new TestingSource([1, 2])).output('out', sink)
 * await run(flow)
 * sink.items // => [1, 2]
 * ```
 */
export class TestingSink<T> extends DynamicSink<T> {
  readonly items: T[]

  constructor(items: T[] = []) {
    super()
    this.items = items
  }

  /** What was written so far. */
  getOutput(): T[] {
    return this.items
  }

  override build(
    _stepId?: string,
    _workerIndex?: number,
    _workerCount?: number,
  ): StatelessSinkPartition<T> {
    return new CollectingPartition(this.items)
  }
}

class CollectingPartition<T> extends StatelessSinkPartition<T> {
  readonly #items: T[]

  constructor(items: T[]) {
    super()
    this.#items = items
  }

  override writeBatch(items: T[]): void {
    for (const item of items) this.#items.push(item)
  }
}
