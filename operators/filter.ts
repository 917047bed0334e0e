import type { Callback } from '../lib/flow/step.ts'
import type { ItemOf, Operator, Stream } from '../lib/flow/stream.ts'
import type { Narrowed } from './narrowed.ts'
import { stateless } from './stateless.ts'

/**
 * Keeps the items for which the predicate holds.
 *
 * Progress passes through; keeps no state; a keyed stream stays keyed.
 *
 * @param id - the step's id
 * @param predicate - called once an item, in order; a type guard narrows the output's type
 * @throws StepError with what `predicate` throws, or when it returns anything but a boolean
 *
 * @example
 * ```ts
 * flow.input('in', fromIterable([1, 2, 3])).pipe(filter('odd', (n) => n % 2 === 1)) // 1, 3
 * ```
 */
export function filter<U extends Stream<unknown>, S extends ItemOf<U>>(
  id: string,
  predicate: (item: ItemOf<U>) => item is S,
): Operator<U, Narrowed<U, S>>
export function filter<U extends Stream<unknown>>(
  id: string,
  predicate: (item: ItemOf<U>) => boolean,
): Operator<U, U>
export function filter<T>(
  id: string,
  predicate: (item: T) => boolean,
): <U extends Stream<T>>(up: U) => U
export function filter(id: string, predicate: Callback): unknown {
  return stateless(id, { op: 'filter', callback: predicate, role: 'predicate', gives: 'same' })
}
