import type { TimeLike } from '../../lib/time/time.ts'
import type { PaneEntry } from './pane-entry.ts'
import type { TimedValues } from './timed-values.ts'

/** What the loops see of the table they run for. */
export interface PaneLoopTable<V, A, E extends PaneEntry> {
  readonly entries: Map<string, E>
  readonly timestamp: (value: V) => TimeLike
  readonly fold: (accumulator: A, value: V) => A
  readonly watermark: number
  /** How many values of the batch were taken in; where one threw, its place. */
  position: number
  /** What is not in one of a key's two newest panes: late, new, older, or no time at all. */
  takeApart(key: string, time: TimeLike, value: V): void
  change(entry: E): void
}

/** The loop of unordered panes: folds each value as it comes. Copied for each step. */
export const foldIntoPanes = <V, A, E extends PaneEntry>(
  table: PaneLoopTable<V, A, E>,
  keys: readonly string[],
  values: readonly V[],
): void => {
  const { entries, timestamp, fold, watermark } = table
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
          if (time >= entry.open && time < entry.close) {
            entry.held = fold(entry.held as A, value)
            if (!entry.isChanged) table.change(entry)
            continue
          }
          if (time >= entry.olderOpen && time < entry.olderClose) {
            entry.olderHeld = fold(entry.olderHeld as A, value)
            if (!entry.isChanged) table.change(entry)
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
  const { entries, timestamp, watermark } = table
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
          if (time >= entry.open && time < entry.close) {
            const held = entry.held as TimedValues<V>
            held.times.push(time)
            held.values.push(value)
            if (!entry.isChanged) table.change(entry)
            continue
          }
          if (time >= entry.olderOpen && time < entry.olderClose) {
            const held = entry.olderHeld as TimedValues<V>
            held.times.push(time)
            held.values.push(value)
            if (!entry.isChanged) table.change(entry)
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
