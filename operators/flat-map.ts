import type { Operator, Stream } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'

/**
 * Turns each item into any number of others.
 *
 * Progress passes through; keeps no state. The output has no key, even where the input has one.
 *
 * @param id - the step's id
 * @param mapper - called once an item, in order; returns an array, a generator or any other
 *   iterable, which is read to its end before the next item
 * @throws StepError with what `mapper` throws, or when it returns nothing that can be iterated
 *
 * @example
 * ```ts
 * flow.input('in', fromIterable(['a b', 'c'])).pipe(flatMap('words', (line) => line.split(' '))) // a, b, c
 * ```
 */
export const flatMap = <T, R>(
  id: string,
  mapper: (item: T) => Iterable<R>,
): Operator<Stream<T>, Stream<R>> =>
  stateless(id, { op: 'flatMap', callback: mapper, role: 'mapper', gives: 'unkeyed' })
