import type { KeyedStream, Operator, Stream } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'

/**
 * Gives each item a key, which decides the worker that keeps its state.
 *
 * Progress passes through; keeps no state. The item becomes the value.
 *
 * @param id - the step's id
 * @param key - called once an item; must return a string, and the same one for the same item
 * @throws StepError with what `key` throws, or when it returns anything but a string
 *
 * @example
 * ```ts
 * flow.input('in', fromIterable(['ab', 'b'])).pipe(keyOn('size', (s) => String(s.length))) // ['2', 'ab'], ['1', 'b']
 * ```
 */
export const keyOn = <T>(
  id: string,
  key: (item: T) => string,
): Operator<Stream<T>, KeyedStream<T>> =>
  stateless(id, { op: 'keyOn', callback: key, role: 'key', gives: 'keyed' })
