import type { ItemOf, Operator, Stream } from '../lib/flow/stream.ts'
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
export function filter<T, S extends T>(
  id: string,
  predicate: (item: T) => item is S,
): Operator<Stream<T>, Stream<S>>
export function filter<U extends Stream<unknown>>(
  id: string,
  predicate: (item: ItemOf<U>) => boolean,
): Operator<U, U>
// biome-ignore lint/suspicious/noExplicitAny: the overloads above are the signature.
export function filter(id: string, predicate: (item: any) => boolean): any {
  return stateless(id, { op: 'filter', callback: predicate, role: 'predicate', gives: 'same' })
}
