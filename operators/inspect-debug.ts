import type { ItemOf, Operator, Stream } from '../lib/flow/stream.ts'
import { print } from './print.ts'
import { stateless } from './stateless.ts'
import type { Sync } from './sync.ts'

/**
 * Shows each item with its epoch and its worker to a callback and passes it on; without one,
 * prints it as `flow.step W0 @1: item`.
 *
 * Progress passes through; keeps no state; a keyed stream stays keyed. Counts as an output of the
 * flow. After a resume, items may be shown again.
 *
 * @param id - the step's id
 * @param inspector - called with the step's full id, the item, its epoch (the first is 1) and the
 *   worker's number (from 0), in order
 * @throws StepError with what `inspector` throws, or when it returns a promise
 *
 * @example
 * ```ts
 * stream.pipe(inspectDebug('seen', (stepId, item, epoch, worker) => console.error(worker, epoch, item)))
 * ```
 */
export function inspectDebug(id: string): <U extends Stream<unknown>>(up: U) => U
export function inspectDebug<U extends Stream<unknown>, R>(
  id: string,
  inspector: (stepId: string, item: ItemOf<U>, epoch: number, worker: number) => R & Sync<R>,
): Operator<U, U>
export function inspectDebug<T, R>(
  id: string,
  inspector: (stepId: string, item: T, epoch: number, worker: number) => R & Sync<R>,
): <U extends Stream<T>>(up: U) => U
export function inspectDebug(
  id: string,
  inspector: (stepId: string, item: never, epoch: number, worker: number) => unknown = printDebug,
): unknown {
  return stateless(id, {
    op: 'inspectDebug',
    callback: inspector,
    role: 'inspector',
    gives: 'same',
  })
}

const printDebug = (stepId: string, item: unknown, epoch: number, worker: number): void =>
  print(`${stepId} W${worker} @${epoch}`, item)
