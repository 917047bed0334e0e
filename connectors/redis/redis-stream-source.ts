/**
 * Reads streams of Redis.
 *
 * - **Partitions**: one a stream.
 * - **Position**: the id of the last entry handed over; no consumer group, nothing is kept in Redis.
 * - **Delivery**: exactly once with recovery, of what the stream still holds when it is read.
 * - **Back-pressure**: entries are asked for when the last were taken.
 * - **Needs**: the package `ioredis`; Redis 5 or later.
 */
import { BuildError } from '../../lib/errors/errors.ts'
import { positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { FixedPartitionedSource } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { openConnection, type RedisConnectionOptions } from './driver.ts'
import { RedisStreamPartition, type RedisStreamPosition } from './redis-stream-partition.ts'
import { checkedUrl } from './shared-connection.ts'

/** An entry of a stream. */
export interface RedisEntry<V = string> {
  readonly stream: string
  /** Milliseconds and a number, `1700000000000-0`. */
  readonly id: string
  readonly fields: Readonly<Record<string, V>>
}

export interface RedisStreamSourceOptions<V> extends RedisConnectionOptions {
  /** The key of a stream, or several. */
  readonly streams: string | readonly string[]
  /** Whether it goes on when it has come to the end. @defaultValue true */
  readonly tail?: boolean
  /** Where a stream without a position begins: at its start, its end, or behind an id. @defaultValue `earliest` */
  readonly start?: 'earliest' | 'latest' | `${number}-${number}`
  /** What becomes of a field's bytes. @defaultValue UTF-8 text */
  readonly value?: (bytes: Uint8Array, field: string) => V
  /** Items of one batch at most. @defaultValue 1000 */
  readonly batchSize?: number
}

/**
 * Gives the entries of streams, each in order.
 *
 * A stream that is not there yet is empty. One that ends before the position was made anew, or has lost
 * entries, and fails the flow. What was trimmed before it was read is not missed.
 *
 * @throws BuildError for options that can't work, ConnectorError when Redis can't be used, or a stream
 * was made anew
 *
 * @example
 * ```ts
 * flow.input('orders', new RedisStreamSource({ url: 'redis://localhost', streams: ['orders:eu', 'orders:us'] }))
 * ```
 */
export class RedisStreamSource<V = string> extends FixedPartitionedSource<
  RedisEntry<V>,
  RedisStreamPosition
> {
  readonly #url: string
  readonly #streams: readonly string[]
  readonly #options: RedisStreamSourceOptions<V>
  readonly #batchSize: number
  #runtime: Runtime = systemRuntime

  constructor(options: RedisStreamSourceOptions<V>) {
    super()
    const { streams, start = 'earliest', batchSize = 1000 } = options
    this.#url = checkedUrl(options.url)
    this.#streams = typeof streams === 'string' ? [streams] : streams
    if (this.#streams.length === 0 || this.#streams.includes('')) {
      throw new BuildError('streams must be the key of a stream, or several.')
    }
    if (new Set(this.#streams).size < this.#streams.length) {
      throw new BuildError('streams names a stream twice.')
    }
    if (start !== 'earliest' && start !== 'latest' && !/^\d+-\d+$/.test(start)) {
      throw new BuildError(
        `start is 'earliest', 'latest' or an id like 1700000000000-0; got ${start}.`,
      )
    }
    this.#options = options
    this.#batchSize = positiveCount('batchSize', batchSize)
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return [...this.#streams]
  }

  override async buildPart(
    _stepId: string,
    part: string,
    resume: RedisStreamPosition | null,
  ): Promise<RedisStreamPartition<V>> {
    const { tail = true, start = 'earliest' } = this.#options
    const { value = (bytes: Uint8Array) => Buffer.from(bytes).toString() as V } = this.#options
    const connection = await openConnection({ url: this.#url })
    try {
      return await RedisStreamPartition.open(
        connection,
        { stream: part, tail, start, value, batchSize: this.#batchSize, runtime: this.#runtime },
        resume,
      )
    } catch (error) {
      connection.close()
      throw error
    }
  }
}
