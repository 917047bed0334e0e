import { preview } from '../errors/preview.ts'
import { epochMillis, type TimeLike } from './time.ts'

/** Errors that say that a `timestamp` callback gave no time: it is that callback that failed. */
const refusals = new WeakSet<object>()

/** Whether an error is that of {@link itemTime}. */
export const isNoTime = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && refusals.has(error)

/**
 * Epoch milliseconds of what a `timestamp` callback gave for an item.
 *
 * @param reader - the clock or the operator whose callback it is
 * @throws TypeError where it is no time: NaN, `undefined`, a string
 */
export const itemTime = (time: TimeLike, reader: string): number => {
  const millis = epochMillis(time)
  if (Number.isFinite(millis)) return millis
  const refusal = new TypeError(
    `${reader}: \`timestamp\` gave ${preview(time)}, which is not a time. ` +
      'Give epoch milliseconds, a Date, or a luxon DateTime.',
  )
  refusals.add(refusal)
  throw refusal
}
