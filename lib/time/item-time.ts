import { preview } from '../errors/preview.ts'
import { epochMillis, type TimeLike } from './time.ts'

/** What a `timestamp` callback gave is no time: it is the callback that failed. */
export class NoTime extends TypeError {}

/**
 * Epoch milliseconds of what a `timestamp` callback gave for an item.
 *
 * @param reader - the clock or the operator whose callback it is
 * @throws NoTime where it is no time: NaN, `undefined`, a string
 */
export const itemTime = (time: TimeLike, reader: string): number => {
  const millis = epochMillis(time)
  if (Number.isFinite(millis)) return millis
  throw new NoTime(
    `${reader}: \`timestamp\` gave ${preview(time)}, which is not a time. ` +
      'Give epoch milliseconds, a Date, or a luxon DateTime.',
  )
}
