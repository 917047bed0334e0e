import type { TimeLike } from '../../lib/time/time.ts'
import type { Clock } from './clock.ts'
import type { WindowFold } from './fold-logic.ts'
import { SessionTable } from './session-table.ts'
import { SessionWindower } from './session-windower.ts'
import { paneLength, SlidingTable } from './sliding-table.ts'
import { SlidingWindower } from './sliding-windower.ts'
import { TumblingTable } from './tumbling-table.ts'
import { TumblingWindower } from './tumbling-windower.ts'
import { WatermarkClock } from './watermark-clock.ts'
import type { WindowKeeper } from './window-keeper.ts'
import type { WindowPlan } from './window-plan.ts'
import type { WindowSink } from './window-sink.ts'
import { WindowStep } from './window-step.ts'

/** Makes what keeps the windows of a step, on one worker. */
export type KeepWindows<V, W> = (
  sink: WindowSink<V, W>,
  now: number,
  stepId: string,
) => WindowKeeper<V>

/** Any clock, windower and logic. */
export const keepAny =
  <V, W>(plan: WindowPlan<V, W>): KeepWindows<V, W> =>
  (sink, now) =>
    new WindowStep(plan, sink, now)

/** How values are folded, and whether windows may be put together out of parts of them. */
export interface Folding<V, A> extends WindowFold<V, A> {
  /** Whether the parts of a window may be merged, which takes its values out of arrival order. */
  readonly byPanes: boolean
}

/** Windows that fold: by a table made for them, where there is one. */
export const keepFolded = <V, A>(plan: WindowPlan<V, A>, fold: Folding<V, A>): KeepWindows<V, A> =>
  keepInTable(plan, fold) ?? keepAny(plan)

/** A table made for windows that fold; `null` unless clock and windower are ours and it can be had. */
export const keepInTable = <V, A>(
  plan: Omit<WindowPlan<V, unknown>, 'logic'>,
  fold: Folding<V, A>,
): KeepWindows<V, A> | null => {
  const timestamp = plan.firing === null ? timestampOf(plan.clock) : null
  if (timestamp === null) return null
  const { windower, ordered } = plan
  if (isExactly(windower, TumblingWindower)) {
    const { grid } = windower
    return (sink, _now, stepId) =>
      new TumblingTable({ timestamp, grid, fold, ordered, sink, stepId })
  }
  if (isExactly(windower, SlidingWindower) && fold.byPanes && paneLength(windower.grid) !== null) {
    const { grid } = windower
    return (sink, _now, stepId) =>
      new SlidingTable({ timestamp, grid, fold, ordered, sink, stepId })
  }
  if (isExactly(windower, SessionWindower)) {
    const { gap } = windower
    return (sink, _now, stepId) => new SessionTable({ timestamp, gap, fold, ordered, sink, stepId })
  }
  return null
}

/** How a `WatermarkClock` tells the time; `null` for any other clock. */
const timestampOf = <V>(clock: Clock<V, unknown>): ((value: V) => TimeLike) | null =>
  isExactly(clock, WatermarkClock<V>) ? clock.timestamp : null

/** Of the class itself: one that extends it may do anything differently. */
export const isExactly = <T extends object>(
  object: object,
  Class: abstract new (...args: never[]) => T,
): object is T => Object.getPrototypeOf(object) === Class.prototype
