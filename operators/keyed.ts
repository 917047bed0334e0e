import type { KeyedStream, Stream } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'

/**
 * Takes a stream of `[key, value]` pairs as a keyed one.
 *
 * Progress passes through; keeps no state.
 *
 * @param id - the step's id
 * @throws StepError when an item is anything but a pair with a string first
 *
 * @example
 * ```ts
 * flow.input('in', fromIterable([['a', 1], ['b', 2]] as const)).pipe(keyed('by-first'))
 * ```
 */
export const keyed = (
  id: string,
): (<V>(up: Stream<readonly [key: string, value: V]>) => KeyedStream<V>) =>
  stateless(id, { op: 'keyed', callback: () => undefined, role: 'keyed', gives: 'keyed' })
