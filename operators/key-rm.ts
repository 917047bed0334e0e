import type { KeyedStream, Stream } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'

/**
 * Takes the keys away: the values go on alone.
 *
 * Progress passes through; keeps no state.
 *
 * @param id - the step's id
 *
 * @example
 * ```ts
 * totals.pipe(keyRm('values')) // ['a', 3], ['b', 2] become 3, 2
 * ```
 */
export const keyRm = (id: string): (<V>(up: KeyedStream<V>) => Stream<V>) =>
  stateless(id, {
    op: 'keyRm',
    callback: () => undefined,
    role: 'keyRm',
    gives: 'unkeyed',
    needsKey: true,
  })
