import type { Callback } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'

/**
 * Keeps the items for whose value the predicate holds; keys stay.
 *
 * Progress passes through; keeps no state.
 *
 * @param id - the step's id
 * @param predicate - called once a value, in order; a type guard narrows the output's type
 * @throws StepError with what `predicate` throws, or when it returns anything but a boolean
 *
 * @example
 * ```ts
 * keyed.pipe(filterValue('positive', (n) => n > 0))
 * ```
 */
export function filterValue<V, W extends V>(
  id: string,
  predicate: (value: V) => value is W,
): Operator<KeyedStream<V>, KeyedStream<W>>
export function filterValue<V>(
  id: string,
  predicate: (value: V) => boolean,
): Operator<KeyedStream<V>, KeyedStream<V>>
export function filterValue(id: string, predicate: Callback): unknown {
  return stateless(id, {
    op: 'filterValue',
    callback: predicate,
    role: 'predicate',
    gives: 'keyed',
    needsKey: true,
  })
}
