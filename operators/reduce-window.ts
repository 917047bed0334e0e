import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { functionOption } from './keyed-step.ts'
import { reducedWindows } from './windowing/reduced-windows.ts'
import type { WindowOptions, WindowOut } from './windowing/window-shape.ts'

export interface ReduceWindowOptions<V> extends WindowOptions<V> {
  /** One value of two: what came before, and the next. */
  readonly reduce: (before: V, next: V) => V
}

/**
 * Reduces the values of each window to one, in order of arrival; it comes out when the window closes.
 *
 * The first value is where a window starts. What open windows have come to is part of snapshots.
 *
 * @param id - the step's id
 * @param options - `clock`, `windower`, `reduce`; `allowedLateness`, `late`, `trigger`
 * @param state - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what a callback throws
 *
 * @example
 * ```ts
 * const { down } = amounts.pipe(reduceWindow('sum', { clock, windower, reduce: (a, b) => a + b }))
 * ```
 */
export const reduceWindow = <V>(
  id: string,
  options: ReduceWindowOptions<V>,
  state: StateOptions = {},
): Operator<KeyedStream<V>, WindowOut<V, V>> =>
  reducedWindows(
    { id, operator: 'reduceWindow', role: 'reduce', options, state },
    functionOption(id, 'reduce', options.reduce),
  )
