import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { functionOption } from './keyed-step.ts'
import { keepAny } from './windowing/keep-windows.ts'
import type { WindowLogic } from './windowing/window-logic.ts'
import {
  type OrderedWindowOptions,
  placeWindows,
  type WindowOut,
} from './windowing/window-shape.ts'

export interface CustomWindowOptions<V, W, S> extends OrderedWindowOptions<V> {
  /** Makes what is kept of one window; `resume` is what its `snapshot` gave, `null` for a new one. */
  readonly logic: (resume: S | null) => WindowLogic<V, W, S>
}

/**
 * Puts each value into the windows its time belongs to, each with logic of your own.
 *
 * What `onValue` and `onMerge` return comes out at once, what `onClose` returns when the watermark has
 * reached the window's end. Open windows, the clock and values that wait for their time are part of
 * snapshots. Windows of a key that close together come out by (close time, id).
 *
 * @param id - the step's id
 * @param options - `clock`, `windower`, `logic`; `ordered`, `allowedLateness`, `late`, `trigger`
 * @param state - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what the clock or the logic throws
 *
 * @example
 * ```ts
 * class Highest extends WindowLogic<number, number, number> {
 *   best: number
 *   constructor(resume: number | null) { super(); this.best = resume ?? Number.NEGATIVE_INFINITY }
 *   override onValue(bid: number) { this.best = Math.max(this.best, bid); return [] }
 *   override onMerge(other: this) { return this.onValue(other.best) }
 *   override onClose() { return [this.best] }
 *   override snapshot() { return this.best }
 * }
 * const { down, late } = bids.pipe(
 *   window('highest', { clock, windower, logic: (resume: number | null) => new Highest(resume) }),
 * )
 * ```
 */
export const window =
  <V, W, S>(
    id: string,
    options: CustomWindowOptions<V, W, S>,
    state: StateOptions = {},
  ): Operator<KeyedStream<V>, WindowOut<V, W>> =>
  (up) => {
    const logic = functionOption(id, 'logic', options.logic)
    return placeWindows<V, V, W>(
      {
        id,
        operator: 'window',
        options,
        state,
        role: 'WindowLogic',
        logic: (resume) => logic(resume as S | null),
        ordered: options.ordered ?? true,
        keep: keepAny,
      },
      [up],
    )
  }
