import { placed } from '../lib/flow/operator.ts'
import { durationOption, positiveCount } from '../lib/flow/options.ts'
import type { Operator, Stream } from '../lib/flow/stream.ts'
import type { DurationLike } from '../lib/time/time.ts'
import { AsyncCalls } from './async-calls.ts'
import { BoundedCache, type EnrichCache } from './enrich-cache.ts'
import { functionOption } from './keyed-step.ts'

export interface EnrichCachedOptions {
  /** How old an answer may be before the getter is asked again; for ever unless given. */
  readonly ttl?: DurationLike
  /**
   * Keys that are kept on each worker.
   * @defaultValue 65536
   */
  readonly maxSize?: number
  /**
   * Items that may wait for a promise at a time, where the mapper gives one.
   * @defaultValue 64
   */
  readonly concurrency?: number
}

/**
 * Adds to each item what a getter knows, and keeps the getter's answers for a while.
 *
 * Results keep the order of their items. Where the mapper gives promises, epochs, watermarks and the
 * end wait for every item before them. The cache belongs to one worker and is no part of snapshots;
 * its time is taken once a batch. The output has no key.
 *
 * @param id - the step's id
 * @param getter - called with a key that is not in the cache or too old; may return a promise,
 *   which is what the cache then holds
 * @param mapper - called once an item with the cache; may return a promise
 * @throws BuildError for options that make no sense; StepError with what `getter` or `mapper` throws
 *   or rejects with
 *
 * @example
 * ```ts
 * orders.pipe(enrichCached('names', findName, (names, order) => ({ ...order, name: names.get(order.user) }), { ttl: { minutes: 5 } }))
 * ```
 */
export const enrichCached = <T, K, V, R>(
  id: string,
  getter: (key: K) => V,
  mapper: (cache: EnrichCache<K, V>, item: T) => R,
  options: EnrichCachedOptions = {},
): Operator<Stream<T>, Stream<Awaited<R>>> => {
  functionOption(id, 'getter', getter)
  functionOption(id, 'mapper', mapper)
  const { ttl, maxSize = 65_536, concurrency = 64 } = options
  const bounds = {
    ttl:
      ttl === undefined
        ? Number.POSITIVE_INFINITY
        : durationOption(`enrichCached "${id}": ttl`, ttl),
    maxSize: positiveCount(`enrichCached "${id}": maxSize`, maxSize),
  }
  positiveCount(`enrichCached "${id}": concurrency`, concurrency)
  return placed({
    id,
    operator: 'enrichCached',
    gives: 'unkeyed',
    spec: {
      kind: 'task',
      keeps: 'nothing',
      open: (context) => {
        const cache = new BoundedCache(getter, bounds)
        return new AsyncCalls(
          {
            f: (item) => mapper(cache, item as T),
            concurrency,
            ordered: true,
            timeout: Number.POSITIVE_INFINITY,
            tries: context.retry,
            begin: () => {
              cache.now = context.runtime.now()
            },
          },
          context,
        )
      },
    },
  })
}
