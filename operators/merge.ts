import { placeStep } from '../lib/flow/operator.ts'
import type { ItemOf, KeyedStream, Stream } from '../lib/flow/stream.ts'

/** What a merge of streams is: keyed where all of them are. */
export type Merged<S extends Stream<unknown>> = [S] extends [KeyedStream<unknown>]
  ? KeyedStream<ValueOf<S>>
  : Stream<ItemOf<S>>

type ValueOf<S> = S extends KeyedStream<infer V> ? V : never

/**
 * Joins streams into one that has the items of all.
 *
 * Progress is that of the slowest; keeps no state. Keyed where all the streams are. Items of one
 * stream stay in order; between streams no order is promised.
 *
 * @param id - the step's id
 * @param others - streams of the same flow
 *
 * @example
 * ```ts
 * odds.pipe(merge('numbers', evens, huge))
 * ```
 */
export const merge =
  <O extends readonly Stream<unknown>[]>(
    id: string,
    ...others: O
  ): (<U extends Stream<unknown>>(up: U) => Merged<U | O[number]>) =>
  <U extends Stream<unknown>>(up: U) =>
    placeStep({ id, operator: 'merge', spec: { kind: 'merge' }, gives: 'same' }, [
      up,
      ...others,
    ])[0] as Merged<U | O[number]>
