import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'
import type { Sync } from './sync.ts'

/**
 * Turns each value into another; keys stay.
 *
 * Progress passes through; keeps no state.
 *
 * @param id - the step's id
 * @param mapper - called once a value, in order; where it must wait, use `mapAsync`
 * @throws StepError with what `mapper` throws, or when it returns a promise
 *
 * @example
 * ```ts
 * keyed.pipe(mapValue('double', (n) => n * 2)) // ['a', 1] becomes ['a', 2]
 * ```
 */
export const mapValue = <V, W>(
  id: string,
  mapper: (value: V) => W & Sync<W>,
): Operator<KeyedStream<V>, KeyedStream<W>> =>
  stateless(id, {
    op: 'mapValue',
    callback: mapper,
    role: 'mapper',
    gives: 'keyed',
    needsKey: true,
  })
