import { BuildError } from '../../lib/errors/errors.ts'
import { preview } from '../../lib/errors/preview.ts'
import {
  type DurationLike,
  durationMillis,
  epochMillis,
  type TimeLike,
} from '../../lib/time/time.ts'

/** The length in milliseconds of an option that must be more than nothing and end. */
export const positiveLength = (value: DurationLike, name: string): number => {
  const millis = durationMillis(value)
  if (millis > 0 && Number.isFinite(millis)) return millis
  throw new BuildError(
    `${name} is ${preview(value)}; it must be a length of time greater than zero: ` +
      'milliseconds, a luxon Duration, or units as { seconds: 5 }.',
  )
}

/** The length in milliseconds of an option that may be nothing. */
export const lengthOrZero = (value: DurationLike, name: string): number => {
  const millis = durationMillis(value)
  if (millis >= 0) return millis
  throw new BuildError(
    `${name} is ${preview(value)}; it must be a length of time, zero or more: ` +
      'milliseconds, a luxon Duration, or units as { seconds: 5 }.',
  )
}

/** The length in milliseconds of an option that may be nothing but must end. */
export const finiteLengthOrZero = (value: DurationLike, name: string): number => {
  const millis = lengthOrZero(value, name)
  if (millis !== Number.POSITIVE_INFINITY) return millis
  throw new BuildError(`${name} is endless; give it an end, or state would be kept for ever.`)
}

/** Epoch milliseconds of an option that is a point in time. */
export const pointInTime = (value: TimeLike, name: string): number => {
  const millis = epochMillis(value)
  if (Number.isFinite(millis)) return millis
  throw new BuildError(
    `${name} is ${preview(value)}; it must be a point in time: ` +
      'epoch milliseconds, a Date, or a luxon DateTime.',
  )
}

/** A callback of the options, checked for callers without types. */
export const callback = <F>(value: F, name: string): F => {
  if (typeof value === 'function') return value
  throw new BuildError(`${name} is ${preview(value)}; it must be a function.`)
}
