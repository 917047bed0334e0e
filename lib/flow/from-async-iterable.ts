import type { Runtime } from '../runtime/runtime.ts'
import { systemRuntime } from '../runtime/system.ts'
import type { DurationLike } from '../time/time.ts'
import { AsyncBatches, iteratorOf } from './batch-async.ts'
import { durationOption, positiveCount } from './options.ts'
import type { RunFacts } from './run-facts.ts'
import { EOF, FixedPartitionedSource, type Polled, StatefulSourcePartition } from './source.ts'

export interface FromAsyncIterableOptions {
  /** Items a batch at most. @defaultValue 1000 */
  readonly batchSize?: number
  /** How long a batch waits for more items after its first. @defaultValue 10 milliseconds */
  readonly timeout?: DurationLike
}

/**
 * A source of what an async iterable gives, read by one worker: a generator is a source.
 *
 * Back-pressure reaches the generator: never more than one batch is asked for ahead of the flow.
 * It has no position: items read before a crash are not read again (at most once). Closing calls
 * the iterator's `return`, so the generator's `finally` runs.
 *
 * @param items - an async iterable, or a function that gives one each time the source is opened
 * @param options - size of a batch, and how long it waits to fill
 * @throws what the iterable throws fails the step, after the items before it
 *
 * @example
 * ```ts
 * flow.input('ticks', fromAsyncIterable(async function* () {
 *   for await (const message of socket) yield message
 * }))
 * ```
 */
export const fromAsyncIterable = <T>(
  items: AsyncIterable<T> | (() => AsyncIterable<T>),
  { batchSize = 1000, timeout = 10 }: FromAsyncIterableOptions = {},
): FixedPartitionedSource<T, null> =>
  new AsyncIterableSource(
    items,
    positiveCount('batchSize', batchSize),
    durationOption('timeout', timeout),
  )

class AsyncIterableSource<T> extends FixedPartitionedSource<T, null> {
  override readonly givesWatermarks: boolean = false
  readonly #items: AsyncIterable<T> | (() => AsyncIterable<T>)
  readonly #batchSize: number
  readonly #timeout: number
  #runtime: Runtime = systemRuntime

  constructor(
    items: AsyncIterable<T> | (() => AsyncIterable<T>),
    batchSize: number,
    timeout: number,
  ) {
    super()
    this.#items = items
    this.#batchSize = batchSize
    this.#timeout = timeout
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return ['iterable']
  }

  override buildPart(): StatefulSourcePartition<T, null> {
    const items = typeof this.#items === 'function' ? this.#items() : this.#items
    const batches = new AsyncBatches(iteratorOf(items), this.#batchSize, this.#runtime)
    return new AsyncIterablePartition(batches, this.#timeout)
  }
}

class AsyncIterablePartition<T> extends StatefulSourcePartition<T, null> {
  readonly #batches: AsyncBatches<T>
  readonly #timeout: number

  constructor(batches: AsyncBatches<T>, timeout: number) {
    super()
    this.#batches = batches
    this.#timeout = timeout
  }

  override async nextBatch(): Promise<Polled<T>> {
    return (await this.#batches.gatherFromFirst(this.#timeout)) ?? EOF
  }

  override snapshot(): null {
    return null
  }

  override close(): Promise<void> {
    return this.#batches.close()
  }
}
