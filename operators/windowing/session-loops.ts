import type { TimeLike } from '../../lib/time/time.ts'
import type { SessionEntry } from './session-entry.ts'
import type { TimedValues } from './timed-values.ts'

/** What the loops see of the table they run for. */
export interface SessionLoopTable<V, A> {
  readonly entries: Map<string, SessionEntry>
  readonly timestamp: (value: V) => TimeLike
  readonly fold: (accumulator: A, value: V) => A
  readonly watermark: number
  readonly gap: number
  /** The round of changes that is counted in. */
  readonly round: number
  /** How many values of the batch were taken in; where one threw, its place. */
  position: number
  /** What does not simply prolong a key's one session. */
  takeApart(key: string, time: TimeLike, value: V): void
  change(entry: SessionEntry): void
}

/** The loop of unordered sessions: folds each value as it comes. Copied for each step. */
export const foldIntoSessions = <V, A>(
  table: SessionLoopTable<V, A>,
  keys: readonly string[],
  values: readonly V[],
): void => {
  const { entries, timestamp, fold, watermark, gap, round } = table
  const size = keys.length
  let i = 0
  try {
    for (; i < size; i++) {
      const key = keys[i] as string
      const value = values[i] as V
      const time = timestamp(value)
      if (typeof time === 'number' && time >= watermark) {
        const entry = entries.get(key)
        if (entry !== undefined && time - entry.close <= gap && entry.open - time <= gap) {
          entry.held = fold(entry.held as A, value)
          if (time > entry.close) entry.close = time
          if (time < entry.open) entry.open = time
          if (entry.changedIn !== round) table.change(entry)
          continue
        }
      }
      table.takeApart(key, time, value)
    }
  } finally {
    table.position = i
  }
}

/** The loop of ordered sessions: holds each value until its session ends. Copied for each step. */
export const holdInSessions = <V, A>(
  table: SessionLoopTable<V, A>,
  keys: readonly string[],
  values: readonly V[],
): void => {
  const { entries, timestamp, watermark, gap, round } = table
  const size = keys.length
  let i = 0
  try {
    for (; i < size; i++) {
      const key = keys[i] as string
      const value = values[i] as V
      const time = timestamp(value)
      if (typeof time === 'number' && time >= watermark) {
        const entry = entries.get(key)
        if (entry !== undefined && time - entry.close <= gap && entry.open - time <= gap) {
          const held = entry.held as TimedValues<V>
          held.times.push(time)
          held.values.push(value)
          if (time > entry.close) entry.close = time
          if (time < entry.open) entry.open = time
          if (entry.changedIn !== round) table.change(entry)
          continue
        }
      }
      table.takeApart(key, time, value)
    }
  } finally {
    table.position = i
  }
}
