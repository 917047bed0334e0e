import { placed } from '../lib/flow/operator.ts'
import type { Stream } from '../lib/flow/stream.ts'

/**
 * Spreads items evenly over all workers, for steps that take long and keep nothing.
 *
 * Progress passes through; keeps no state. A keyed stream keeps its keys. The order of items is
 * lost, since each may go on on another worker.
 *
 * @param id - the step's id
 *
 * @example
 * ```ts
 * images.pipe(redistribute('spread'), map('resize', resize))
 * ```
 */
export const redistribute = (id: string): (<U extends Stream<unknown>>(up: U) => U) =>
  placed({ id, operator: 'redistribute', spec: { kind: 'route', to: 'any' }, gives: 'same' })
