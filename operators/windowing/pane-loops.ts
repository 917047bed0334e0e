import type { KeyTable } from '../../lib/state/key-table.ts'
import type { TimeLike } from '../../lib/time/time.ts'
import type { PaneEntry } from './pane-entry.ts'
import type { TimedValues } from './timed-values.ts'

/** What the loops see of the windows they run for. */
export interface PaneLoopTable<V, A, E extends PaneEntry> {
  readonly table: KeyTable<E>
  readonly timestamp: (value: V) => TimeLike
  readonly fold: (accumulator: A, value: V) => A
  readonly watermark: number
  /** Pane 0 opens here. */
  readonly alignTo: number
  readonly paneLength: number
  /** How many values of the batch were taken in; where one threw, its place. */
  position: number
  /** The place of the last value whose time is known. */
  timed: number
  /** What is in no pane that is there: late, new, or no time at all. */
  takeApart(key: string, time: TimeLike, value: V): void
}

/** The loop of unordered panes: folds each value as it comes. Copied for each step. */
export const foldIntoPanes = <V, A, E extends PaneEntry>(
  panes: PaneLoopTable<V, A, E>,
  keys: readonly string[],
  values: readonly V[],
): void => {
  const { timestamp, fold, watermark, alignTo, paneLength, table } = panes
  const { entries, epoch } = table
  const size = keys.length
  let i = 0
  let timed = -1
  try {
    for (; i < size; i++) {
      const key = keys[i] as string
      const value = values[i] as V
      const time = timestamp(value)
      timed = i
      if (typeof time === 'number' && time >= watermark) {
        const entry = entries.get(key)
        if (entry !== undefined) {
          const pane = Math.floor((time - alignTo) / paneLength)
          if (pane === entry.pane) {
            if (entry.$stamp !== epoch) table.touch(entry)
            entry.held = fold(entry.held as A, value)
            continue
          }
          if (pane === entry.olderPane) {
            if (entry.$stamp !== epoch) table.touch(entry)
            entry.olderHeld = fold(entry.olderHeld as A, value)
            continue
          }
          const place = entry.placeOf(pane)
          if (place !== -1) {
            if (entry.$stamp !== epoch) table.touch(entry)
            const further = entry.restHeld
            further[place] = fold(further[place] as A, value)
            continue
          }
        }
      }
      panes.takeApart(key, time, value)
    }
  } finally {
    panes.position = i
    panes.timed = timed
  }
}

/** The loop of ordered panes: holds each value until its pane ends. Copied for each step. */
export const holdInPanes = <V, A, E extends PaneEntry>(
  panes: PaneLoopTable<V, A, E>,
  keys: readonly string[],
  values: readonly V[],
): void => {
  const { timestamp, watermark, alignTo, paneLength, table } = panes
  const { entries, epoch } = table
  const size = keys.length
  let i = 0
  let timed = -1
  try {
    for (; i < size; i++) {
      const key = keys[i] as string
      const value = values[i] as V
      const time = timestamp(value)
      timed = i
      if (typeof time === 'number' && time >= watermark) {
        const entry = entries.get(key)
        if (entry !== undefined) {
          const pane = Math.floor((time - alignTo) / paneLength)
          if (entry.has(pane)) {
            if (entry.$stamp !== epoch) table.touch(entry)
            const held = entry.heldIn(pane) as TimedValues<V>
            held.times.push(time)
            held.values.push(value)
            continue
          }
        }
      }
      panes.takeApart(key, time, value)
    }
  } finally {
    panes.position = i
    panes.timed = timed
  }
}
