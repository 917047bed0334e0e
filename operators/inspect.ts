import type { ItemOf, Operator, Stream } from '../lib/flow/stream.ts'
import { print } from './print.ts'
import { stateless } from './stateless.ts'
import type { Sync } from './sync.ts'

/**
 * Shows each item to a callback and passes it on; prints it as `flow.step: item` without one.
 *
 * Progress passes through; keeps no state; a keyed stream stays keyed. Counts as an output of the
 * flow. After a resume, items may be shown again.
 *
 * @param id - the step's id
 * @param inspector - called with the step's full id and the item, in order
 * @throws StepError with what `inspector` throws, or when it returns a promise
 *
 * @example
 * ```ts
 * stream.pipe(inspect('seen', (stepId, item) => console.error(stepId, item)))
 * ```
 */
export function inspect(id: string): <U extends Stream<unknown>>(up: U) => U
export function inspect<U extends Stream<unknown>, R>(
  id: string,
  inspector: (stepId: string, item: ItemOf<U>) => R & Sync<R>,
): Operator<U, U>
export function inspect<T, R>(
  id: string,
  inspector: (stepId: string, item: T) => R & Sync<R>,
): <U extends Stream<T>>(up: U) => U
export function inspect(
  id: string,
  inspector: (stepId: string, item: never) => unknown = print,
): unknown {
  return stateless(id, { op: 'inspect', callback: inspector, role: 'inspector', gives: 'same' })
}
