import type { Operator, Stream } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'
import type { Sync } from './sync.ts'

/**
 * Turns each item into another.
 *
 * Progress passes through; keeps no state. The output has no key, even where the input has one.
 *
 * @param id - the step's id
 * @param mapper - called once an item, in order; where it must wait, use `mapAsync`
 * @throws StepError with what `mapper` throws, or when it returns a promise
 *
 * @example
 * ```ts
 * flow.input('in', fromIterable([1, 2, 3])).pipe(map('double', (n) => n * 2)) // 2, 4, 6
 * ```
 */
export const map = <T, R>(
  id: string,
  mapper: (item: T) => R & Sync<R>,
): Operator<Stream<T>, Stream<R>> =>
  stateless(id, { op: 'map', callback: mapper, role: 'mapper', gives: 'unkeyed' })
