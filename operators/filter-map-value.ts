import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'
import type { Sync } from './sync.ts'

/**
 * Turns each value into another, or drops the item; keys stay.
 *
 * Progress passes through; keeps no state.
 *
 * @param id - the step's id
 * @param mapper - called once a value, in order; `null` and `undefined` drop the item
 * @throws StepError with what `mapper` throws, or when it returns a promise
 *
 * @example
 * ```ts
 * keyed.pipe(filterMapValue('half', (n) => (n % 2 ? null : n / 2)))
 * ```
 */
export const filterMapValue = <V, W>(
  id: string,
  mapper: (value: V) => (W & Sync<W>) | null | undefined,
): Operator<KeyedStream<V>, KeyedStream<W>> =>
  stateless(id, {
    op: 'filterMapValue',
    callback: mapper,
    role: 'mapper',
    gives: 'keyed',
    needsKey: true,
  })
