import type { Operator, Stream } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'
import type { Sync } from './sync.ts'

/**
 * Turns each item into another, or drops it.
 *
 * Progress passes through; keeps no state. The output has no key, even where the input has one.
 *
 * @param id - the step's id
 * @param mapper - called once an item, in order; `null` and `undefined` drop the item
 * @throws StepError with what `mapper` throws, or when it returns a promise
 *
 * @example
 * ```ts
 * flow.input('in', fromIterable([1, 2, 3])).pipe(filterMap('half', (n) => (n % 2 ? null : n / 2))) // 1
 * ```
 */
export const filterMap = <T, R>(
  id: string,
  mapper: (item: T) => (R & Sync<R>) | null | undefined,
): Operator<Stream<T>, Stream<R>> =>
  stateless(id, { op: 'filterMap', callback: mapper, role: 'mapper', gives: 'unkeyed' })
