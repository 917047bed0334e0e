import type { TimeLike } from '../../lib/time/time.ts'
import type { PaneEntry } from './pane-entry.ts'
import type { TimedValues } from './timed-values.ts'

/** What the loops see of the table they run for. */
export interface PaneLoopTable<V, A, E extends PaneEntry> {
  readonly entries: Map<string, E>
  readonly timestamp: (value: V) => TimeLike
  readonly fold: (accumulator: A, value: V) => A
  readonly watermark: number
  /** Pane 0 opens here. */
  readonly alignTo: number
  readonly paneLength: number
  /** The round of changes that is counted in. */
  readonly round: number
  /** How many values of the batch were taken in; where one threw, its place. */
  position: number
  /** What is in no pane that is there: late, new, or no time at all. */
  takeApart(key: string, time: TimeLike, value: V): void
  change(entry: E): void
}

/** The loop of unordered panes: folds each value as it comes. Copied for each step. */
export const foldIntoPanes = <V, A, E extends PaneEntry>(
  table: PaneLoopTable<V, A, E>,
  keys: readonly string[],
  values: readonly V[],
): void => {
  const { entries, timestamp, fold, watermark, alignTo, paneLength, round } = table
  const size = keys.length
  let i = 0
  try {
    for (; i < size; i++) {
      const key = keys[i] as string
      const value = values[i] as V
      const time = timestamp(value)
      if (typeof time === 'number' && time >= watermark) {
        const entry = entries.get(key)
        if (entry !== undefined) {
          const pane = Math.floor((time - alignTo) / paneLength)
          if (pane === entry.pane) {
            entry.held = fold(entry.held as A, value)
            if (entry.changedIn !== round) table.change(entry)
            continue
          }
          if (pane === entry.olderPane) {
            entry.olderHeld = fold(entry.olderHeld as A, value)
            if (entry.changedIn !== round) table.change(entry)
            continue
          }
          const place = entry.placeOf(pane)
          if (place !== -1) {
            const further = entry.restHeld
            further[place] = fold(further[place] as A, value)
            if (entry.changedIn !== round) table.change(entry)
            continue
          }
        }
      }
      table.takeApart(key, time, value)
    }
  } finally {
    table.position = i
  }
}

/** The loop of ordered panes: holds each value until its pane ends. Copied for each step. */
export const holdInPanes = <V, A, E extends PaneEntry>(
  table: PaneLoopTable<V, A, E>,
  keys: readonly string[],
  values: readonly V[],
): void => {
  const { entries, timestamp, watermark, alignTo, paneLength, round } = table
  const size = keys.length
  let i = 0
  try {
    for (; i < size; i++) {
      const key = keys[i] as string
      const value = values[i] as V
      const time = timestamp(value)
      if (typeof time === 'number' && time >= watermark) {
        const entry = entries.get(key)
        if (entry !== undefined) {
          const pane = Math.floor((time - alignTo) / paneLength)
          if (entry.has(pane)) {
            const held = entry.heldIn(pane) as TimedValues<V>
            held.times.push(time)
            held.values.push(value)
            if (entry.changedIn !== round) table.change(entry)
            continue
          }
        }
      }
      table.takeApart(key, time, value)
    }
  } finally {
    table.position = i
  }
}
