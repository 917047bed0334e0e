import type { Operator, Stream } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'

/**
 * Turns each batch of items into any number of others.
 *
 * Progress passes through; keeps no state. The output has no key, even where the input has one.
 * How items are grouped into batches is up to the engine and differs between runs; only their
 * order is promised. A batch that fails stops the run, since no single item is at fault.
 *
 * @param id - the step's id
 * @param mapper - called once a batch with an array of its own; returns any iterable
 * @throws StepError with what `mapper` throws, or when it returns nothing that can be iterated
 *
 * @example
 * ```ts
 * flow.input('in', fromIterable([1, 2, 3])).pipe(flatMapBatch('scale', (batch) => scaleAll(batch)))
 * ```
 */
export const flatMapBatch = <T, R>(
  id: string,
  mapper: (items: T[]) => Iterable<R>,
): Operator<Stream<T>, Stream<R>> =>
  stateless(id, { op: 'flatMapBatch', callback: mapper, role: 'mapper', gives: 'unkeyed' })
