/**
 * Writes the last value of each key to a hash of Redis.
 *
 * - **Partitions**: 16 slots; a key keeps its slot.
 * - **Position**: a marker for each slot, in another hash, written with the values.
 * - **Delivery**: exactly once with recovery, as far as Redis keeps what it has acknowledged; the last
 *   value of each epoch and key.
 * - **Back-pressure**: while Redis is away items are kept up to `stageBytes`, then the flow waits.
 * - **Needs**: the package `ioredis`; Redis 5 or later, one primary.
 */
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { itemBytes } from '../item-bytes.ts'
import { RedisSink, type RedisSinkOptions } from './redis-sink.ts'
import type { RedisCommand } from './redis-slot.ts'

export interface RedisHashSinkOptions extends RedisSinkOptions {
  /** The hash's key. */
  readonly hash: string
}

/**
 * Sets the fields of a hash to the values of keyed items: text and bytes as they are, others as JSON;
 * `null` removes the field.
 *
 * @throws BuildError for options that can't work, ConnectorError when an item has no key, the hash is
 * something else, or a slot is written by a later execution
 *
 * @example
 * ```ts
 * totals.output('out', new RedisHashSink({ url: 'redis://localhost', hash: 'totals' }))
 * ```
 */
export class RedisHashSink extends RedisSink<readonly [key: string, value: unknown]> {
  protected override readonly type = 'hash'
  readonly #hash: string

  constructor(options: RedisHashSinkOptions) {
    super(options)
    const { hash, markers = 'tidemark_slots' } = options
    if (hash === '' || hash === markers) {
      throw new BuildError('hash must be the key of a hash, and not that of the markers.')
    }
    this.#hash = hash
  }

  protected override commands(
    items: readonly (readonly [key: string, value: unknown])[],
  ): readonly RedisCommand[] {
    const last = new Map<string, unknown>(items.map(keyed))
    return [...last].map(([field, value]) =>
      value === null
        ? { name: 'HDEL', key: this.#hash, args: [field] }
        : { name: 'HSET', key: this.#hash, args: [field, itemBytes(value)] },
    )
  }
}

const keyed = (item: unknown): [key: string, value: unknown] => {
  if (Array.isArray(item) && typeof item[0] === 'string') return [item[0], item[1]]
  throw new ConnectorError('RedisHashSink takes keyed items: put a step like keyOn before it.')
}
