import { placed } from '../lib/flow/operator.ts'
import type { Stream } from '../lib/flow/stream.ts'

/**
 * Gives every worker a copy of each item.
 *
 * Progress passes through; keeps no state. A keyed stream keeps its keys. Behind a keyed step the
 * copies come together again, one for each worker.
 *
 * @param id - the step's id
 *
 * @example
 * ```ts
 * rules.pipe(broadcast('to-all'))
 * ```
 */
export const broadcast = (id: string): (<U extends Stream<unknown>>(up: U) => U) =>
  placed({ id, operator: 'broadcast', spec: { kind: 'route', to: 'all' }, gives: 'same' })
