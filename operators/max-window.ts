import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { functionOption } from './keyed-step.ts'
import { itself, type Rank } from './rank.ts'
import { greater } from './windowing/reduce-logic.ts'
import { reducedWindows } from './windowing/reduced-windows.ts'
import type { WindowOptions, WindowOut } from './windowing/window-shape.ts'

export interface MaxWindowOptions<V> extends WindowOptions<V> {
  /** What values are compared by: a number, bigint, string or date; by default the value itself. */
  readonly by?: (value: V) => Rank
}

/**
 * Emits the greatest value of each window when it closes; of equal ones the first that arrived.
 *
 * The greatest values of open windows are part of snapshots.
 *
 * @param id - the step's id
 * @param options - `clock`, `windower`, `by`; `allowedLateness`, `late`, `trigger`
 * @param state - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what a callback throws, or where `by` gives something without an order
 *
 * @example
 * ```ts
 * const { down } = bids.pipe(maxWindow('best', { clock, windower, by: (bid) => bid.price }))
 * ```
 */
export const maxWindow = <V>(
  id: string,
  options: MaxWindowOptions<V>,
  state: StateOptions = {},
): Operator<KeyedStream<V>, WindowOut<V, V>> => {
  const by: (value: V) => Rank = functionOption(id, 'by', options.by ?? itself)
  return reducedWindows({ id, operator: 'maxWindow', role: 'by', options, state }, greater(by))
}
