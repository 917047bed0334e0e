import { ownCopy } from '../actor/own-copy.ts'
import type { Callback } from '../flow/step.ts'
import { itemTime } from '../time/item-time.ts'
import type { TimeLike } from '../time/time.ts'

/** How far a batch has been looked through. */
export interface Look {
  /** The item that is looked at; where its timestamp fails, its place. */
  at: number
  /** The latest time so far. */
  latest: number
}

/** Goes on through a batch from where the look stands. */
export type LatestTime = (
  keys: readonly string[] | null,
  values: readonly unknown[],
  look: Look,
) => void

/** Finds the latest time in batches, by a loop of the step's own. */
export const latestTime = (timestamp: Callback, stepId: string): LatestTime =>
  ownCopy(loop, stepId)(timestamp, (time) => itemTime(time, 'watermarks'))

/** Self-contained, so that each step has its own copy (see `ownCopy`). */
const loop =
  (timestamp: Callback, millisOf: (time: TimeLike) => number): LatestTime =>
  (keys, values, look) => {
    const n = values.length
    let { at, latest } = look
    try {
      for (; at < n; at++) {
        const time = timestamp(keys === null ? values[at] : [keys[at], values[at]]) as TimeLike
        // The difference is NaN unless the number is finite.
        const millis = typeof time === 'number' && time - time === 0 ? time : millisOf(time)
        if (millis > latest) latest = millis
      }
    } finally {
      look.at = at
      look.latest = latest
    }
  }
