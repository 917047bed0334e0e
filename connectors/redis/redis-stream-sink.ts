/**
 * Writes entries to streams of Redis.
 *
 * - **Partitions**: 16 slots; a key keeps its slot, items without a key use one slot a worker.
 * - **Position**: a marker for each slot, in a hash beside the streams, written with the entries.
 * - **Delivery**: exactly once with recovery, as far as Redis keeps what it has acknowledged. Items are
 *   kept with the snapshot and written when their epoch is committed; an outage is waited out.
 * - **Back-pressure**: while Redis is away items are kept up to `stageBytes`, then the flow waits.
 * - **Needs**: the package `ioredis`; Redis 5 or later, one primary.
 */
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { positiveCount } from '../../lib/flow/options.ts'
import { itemBytes, itsValue } from '../item-bytes.ts'
import type { RedisArgument } from './driver.ts'
import { RedisSink, type RedisSinkOptions } from './redis-sink.ts'
import type { RedisCommand } from './redis-slot.ts'

export interface RedisStreamSinkOptions<T> extends RedisSinkOptions {
  /** The stream's key, or a function of the item. */
  readonly stream: string | ((item: T) => string)
  /** An entry's fields. @defaultValue `data`: the item, or the value of a keyed one: text and bytes as they are, else JSON */
  readonly fields?: (item: T) => Readonly<Record<string, string | number | Uint8Array>>
  /** Entries that a stream keeps, about: the oldest go. @defaultValue all */
  readonly maxLength?: number
}

/** More than Lua passes to one command. */
const MOST_FIELDS = 1000

/**
 * Adds each item to a stream as an entry, exactly once; Redis gives the ids.
 *
 * `stream` and `fields` have to answer the same for the same item, since they are asked again when an
 * epoch is tried again. Without recovery each run begins anew: it is then at least once.
 *
 * @throws BuildError for options that can't work, ConnectorError when Redis refuses an entry, a key
 * holds something else than a stream, or a slot is written by a later execution
 *
 * @example
 * ```ts
 * totals.output('out', new RedisStreamSink({ url: 'redis://localhost', stream: 'totals' }))
 * ```
 */
export class RedisStreamSink<T = unknown> extends RedisSink<T> {
  protected override readonly type = 'stream'
  readonly #options: RedisStreamSinkOptions<T>
  readonly #how: readonly RedisArgument[]

  constructor(options: RedisStreamSinkOptions<T>) {
    super(options)
    if (options.stream === '') throw new BuildError('stream must be the key of a stream.')
    this.#options = options
    this.#how =
      options.maxLength === undefined
        ? ['*']
        : ['MAXLEN', '~', positiveCount('maxLength', options.maxLength), '*']
  }

  protected override commands(items: readonly T[]): readonly RedisCommand[] {
    const { stream } = this.#options
    return items.map((item) => ({
      name: 'XADD',
      key: typeof stream === 'string' ? stream : stream(item),
      args: [...this.#how, ...this.#fieldsOf(item)],
    }))
  }

  #fieldsOf(item: T): readonly RedisArgument[] {
    const { fields } = this.#options
    if (fields === undefined) return ['data', itemBytes(itsValue(item))]
    const pairs = Object.entries(fields(item))
    if (pairs.length > 0 && pairs.length <= MOST_FIELDS) return pairs.flat()
    throw new ConnectorError(
      `An entry of a stream has 1 to ${MOST_FIELDS} fields; an item gave ${pairs.length}.`,
    )
  }
}
