import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'

/**
 * Turns each value into any number of others, each with the same key.
 *
 * Progress passes through; keeps no state.
 *
 * @param id - the step's id
 * @param mapper - called once a value, in order; returns an array, a generator or any other iterable
 * @throws StepError with what `mapper` throws, or when it returns nothing that can be iterated
 *
 * @example
 * ```ts
 * lines.pipe(flatMapValue('words', (line) => line.split(' '))) // ['a', 'x y'] becomes ['a', 'x'], ['a', 'y']
 * ```
 */
export const flatMapValue = <V, W>(
  id: string,
  mapper: (value: V) => Iterable<W>,
): Operator<KeyedStream<V>, KeyedStream<W>> =>
  stateless(id, {
    op: 'flatMapValue',
    callback: mapper,
    role: 'mapper',
    gives: 'keyed',
    needsKey: true,
  })
