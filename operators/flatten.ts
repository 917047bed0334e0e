import type { Stream } from '../lib/flow/stream.ts'
import { stateless } from './stateless.ts'

/**
 * Takes items that are iterables apart.
 *
 * Progress passes through; keeps no state. The output has no key, even where the input has one.
 *
 * @param id - the step's id
 * @throws StepError when an item can't be iterated
 *
 * @example
 * ```ts
 * flow.input('in', fromIterable([[1, 2], [], [3]])).pipe(flatten('flat')) // 1, 2, 3
 * ```
 */
export const flatten = (id: string): (<R>(up: Stream<Iterable<R>>) => Stream<R>) =>
  stateless(id, {
    op: 'flatMap',
    operator: 'flatten',
    callback: elements,
    role: 'flatten',
    gives: 'unkeyed',
  })

const elements = (item: unknown): Iterable<unknown> => {
  const iterable =
    typeof item === 'string' ||
    (typeof item === 'object' && item !== null && Symbol.iterator in item)
  if (iterable) return item as Iterable<unknown>
  throw new TypeError(
    `items need to be iterables (arrays, sets, generators ...); got ${typeof item}`,
  )
}
