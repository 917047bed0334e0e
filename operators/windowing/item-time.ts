import { preview } from '../../lib/errors/preview.ts'
import { epochMillis, type TimeLike } from '../../lib/time/time.ts'

/** Epoch milliseconds of what a `timestamp` callback gave for a value. */
export const itemTime = (time: TimeLike, clock: string): number => {
  const millis = epochMillis(time)
  if (Number.isFinite(millis)) return millis
  throw new TypeError(
    `${clock}: \`timestamp\` gave ${preview(time)}, which is not a time. ` +
      'Give epoch milliseconds, a Date, or a luxon DateTime.',
  )
}
