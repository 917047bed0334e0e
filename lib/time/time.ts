import type { DateTime, Duration, DurationLikeObject } from 'luxon'
import { millisOfUnits } from './luxon.ts'

/** A point in time: epoch milliseconds, a `Date`, or a luxon `DateTime`. */
export type TimeLike = number | Date | DateTime

/** A length of time: milliseconds, a luxon `Duration`, or its units as `{ seconds: 5 }`. */
export type DurationLike = number | Duration | DurationLikeObject

/**
 * Epoch milliseconds of a point in time, or NaN where `time` is none.
 *
 * Callers decide what NaN means to them: a bad option is a build error, a bad item a step error.
 */
export const epochMillis = (time: TimeLike): number => {
  if (typeof time === 'number') return time
  if (typeof time !== 'object' || time === null) return Number.NaN
  if (time instanceof Date) return time.getTime()
  return typeof time.toMillis === 'function' ? time.toMillis() : Number.NaN
}

/** Milliseconds of a length of time, or NaN where `duration` is none. */
export const durationMillis = (duration: DurationLike): number => {
  if (typeof duration === 'number') return duration
  if (typeof duration !== 'object' || duration === null) return Number.NaN
  if (isDuration(duration)) return duration.toMillis()
  try {
    return millisOfUnits(duration)
  } catch {
    return Number.NaN
  }
}

const isDuration = (value: object): value is Duration =>
  'toMillis' in value && typeof value.toMillis === 'function'
