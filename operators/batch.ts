import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { type GatherOptions, gathering } from './gathering.ts'

/**
 * Gathers the values of a key for a fixed time, or until it has enough of them.
 *
 * An array goes out when it holds `maxSize` values, `timeout` after its first one, or when the input
 * ends. What is gathered is part of snapshots, and so is the time at which it goes out: after a
 * resume it goes out when that time has come.
 *
 * @param id - the step's id
 * @param options - `timeout`, wall time, counted from an array's first value; `maxSize`, at least 1;
 *   and `ttl`, `codec`, `version`, `migrate`
 * @throws BuildError where `timeout` or `maxSize` is none
 *
 * @example
 * ```ts
 * keyed.pipe(batch('write', { timeout: 500, maxSize: 100 }))
 * ```
 *
 * @see {@link collect} where every value starts the time anew
 */
export const batch = <V>(
  id: string,
  options: GatherOptions<V>,
): Operator<KeyedStream<V>, KeyedStream<V[]>> =>
  gathering(id, options, { operator: 'batch', restarts: false })
