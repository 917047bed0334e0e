import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { functionOption } from './keyed-step.ts'
import { checkRank, itself, type Rank } from './rank.ts'
import { reducing } from './reduce-final.ts'

/**
 * Emits the greatest value of each key when the input has ended; of equal ones the first.
 *
 * Emits nothing before the end; then every key once, in the order of the keys, and forgets them. The
 * greatest value so far is part of snapshots.
 *
 * @param id - the step's id
 * @param by - what values are compared by: a number, bigint, string or date; the value itself if
 *   left out
 * @param options - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what `by` throws, or when it gives something that can't be compared
 *
 * @example
 * ```ts
 * keyed.pipe(maxFinal('dearest', (order) => order.price))
 * ```
 */
export const maxFinal = <V>(
  id: string,
  by: (value: V) => Rank = itself,
  options: StateOptions<V> = {},
): Operator<KeyedStream<V>, KeyedStream<V>> => {
  const rank = functionOption(id, 'by', by) as (value: unknown) => Rank
  return reducing(
    {
      id,
      operator: 'maxFinal',
      role: 'by',
      first: (value) => checkRank(rank(value)),
      reducer: (most, value) => {
        const its = rank(value)
        checkRank(its)
        return its > rank(most) ? value : most
      },
    },
    options,
  )
}
