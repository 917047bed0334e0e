import type { KeyTable } from '../../lib/state/key-table.ts'
import type { TimeLike } from '../../lib/time/time.ts'
import type { SessionEntry } from './session-entry.ts'
import type { TimedValues } from './timed-values.ts'

/** What the loops see of the sessions they run for. */
export interface SessionLoopTable<V, A> {
  readonly table: KeyTable<SessionEntry>
  readonly timestamp: (value: V) => TimeLike
  readonly fold: (accumulator: A, value: V) => A
  readonly watermark: number
  readonly gap: number
  /** How many values of the batch were taken in; where one threw, its place. */
  position: number
  /** The place of the last value whose time is known. */
  timed: number
  /** What does not simply prolong a key's one session. */
  takeApart(key: string, time: TimeLike, value: V): void
}

/** The loop of unordered sessions: folds each value as it comes. Copied for each step. */
export const foldIntoSessions = <V, A>(
  sessions: SessionLoopTable<V, A>,
  keys: readonly string[],
  values: readonly V[],
): void => {
  const { timestamp, fold, watermark, gap, table } = sessions
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
        if (entry !== undefined && time - entry.close <= gap && entry.open - time <= gap) {
          if (entry.$stamp !== epoch) table.touch(entry)
          entry.held = fold(entry.held as A, value)
          if (time > entry.close) entry.close = time
          if (time < entry.open) entry.open = time
          continue
        }
      }
      sessions.takeApart(key, time, value)
    }
  } finally {
    sessions.position = i
    sessions.timed = timed
  }
}

/** The loop of ordered sessions: holds each value until its session ends. Copied for each step. */
export const holdInSessions = <V, A>(
  sessions: SessionLoopTable<V, A>,
  keys: readonly string[],
  values: readonly V[],
): void => {
  const { timestamp, watermark, gap, table } = sessions
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
        if (entry !== undefined && time - entry.close <= gap && entry.open - time <= gap) {
          if (entry.$stamp !== epoch) table.touch(entry)
          const held = entry.held as TimedValues<V>
          held.times.push(time)
          held.values.push(value)
          if (time > entry.close) entry.close = time
          if (time < entry.open) entry.open = time
          continue
        }
      }
      sessions.takeApart(key, time, value)
    }
  } finally {
    sessions.position = i
    sessions.timed = timed
  }
}
