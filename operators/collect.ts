import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { type GatherOptions, gathering } from './gathering.ts'

/**
 * Gathers the values of a key until it is quiet for a while, or has enough of them.
 *
 * An array goes out when it holds `maxSize` values, when no value has come for `timeout`, or when
 * the input ends. What is gathered is part of snapshots, and so is the time at which it goes out:
 * after a resume it goes out when that time has come.
 *
 * @param id - the step's id
 * @param options - `timeout`, wall time, which every value starts anew; `maxSize`, at least 1; and
 *   `ttl`, `codec`, `version`, `migrate`
 * @throws BuildError where `timeout` or `maxSize` is none
 *
 * @example
 * ```ts
 * keyed.pipe(collect('burst', { timeout: { seconds: 10 }, maxSize: 3 })) // 1, 2, 3, 4 => [1, 2, 3], [4]
 * ```
 *
 * @see {@link batch} where the first value sets the time
 */
export const collect = <V>(
  id: string,
  options: GatherOptions<V>,
): Operator<KeyedStream<V>, KeyedStream<V[]>> =>
  gathering(id, options, { operator: 'collect', restarts: true })
