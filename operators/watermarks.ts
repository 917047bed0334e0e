import { BuildError } from '../lib/errors/errors.ts'
import { preview } from '../lib/errors/preview.ts'
import { placed } from '../lib/flow/operator.ts'
import type { ItemOf, Operator, Stream } from '../lib/flow/stream.ts'
import { type DurationLike, durationMillis, type TimeLike } from '../lib/time/time.ts'
import { functionOption } from './keyed-step.ts'

export interface WatermarksOptions<T> {
  /** The event time of an item: epoch milliseconds, a `Date`, or a luxon `DateTime`. */
  readonly timestamp: (item: T) => TimeLike
  /**
   * How far behind the latest item of its partition an item may come and still be on time.
   * @defaultValue 0
   */
  readonly outOfOrderness?: DurationLike
  /**
   * How long a partition that could have given items and gave none holds all others back. Its first
   * items after that may be late.
   * @defaultValue never left out
   */
  readonly idleAfter?: DurationLike
  /**
   * How far a partition may run ahead of the slowest one on its worker before it is left alone, so
   * that a replay does not pile up open windows. Partitions that have given nothing yet do not count.
   * @defaultValue no bound
   */
  readonly maxDrift?: DurationLike
}

/**
 * Tells how far event time has come, by the items that pass; windows with a `WatermarkClock` follow it.
 *
 * Keeps the latest time of each source partition, less `outOfOrderness`, and passes on the least: a
 * partition that is read faster makes nothing of another late. Items pass as they are; the watermark
 * follows the batch that moved it. The times are part of snapshots, and follow their partition to
 * another worker. Partitions must still be known, so it stands before the first exchange.
 *
 * @param id - the step's id
 * @param options - `timestamp`, called once an item; `outOfOrderness`, `idleAfter`, `maxDrift`
 * @throws BuildError behind a keyed or asynchronous step; StepError where `timestamp` gives no time
 *
 * @example
 * ```ts
 * logins.pipe(
 *   watermarks('time', { timestamp: (login) => login.at, outOfOrderness: { seconds: 5 } }),
 *   keyOn('user', (login) => login.user),
 *   countPerMinute,
 * )
 * ```
 */
export function watermarks<U extends Stream<unknown>>(
  id: string,
  options: WatermarksOptions<ItemOf<U>>,
): Operator<U, U>
export function watermarks<T>(
  id: string,
  options: WatermarksOptions<T>,
): <U extends Stream<T>>(up: U) => U
export function watermarks(id: string, options: WatermarksOptions<never>): unknown {
  const { timestamp, outOfOrderness, idleAfter, maxDrift } = options
  return placed({
    id,
    operator: 'watermarks',
    gives: 'same',
    spec: {
      kind: 'watermarks',
      timestamp: functionOption(id, 'timestamp', timestamp),
      outOfOrderness: length(id, 'outOfOrderness', outOfOrderness ?? 0),
      idleAfter: length(id, 'idleAfter', idleAfter ?? Number.POSITIVE_INFINITY),
      maxDrift: length(id, 'maxDrift', maxDrift ?? Number.POSITIVE_INFINITY),
    },
  })
}

const length = (id: string, option: string, value: DurationLike): number => {
  const millis = durationMillis(value)
  const endless = option !== 'outOfOrderness' && millis === Number.POSITIVE_INFINITY
  if (endless || (Number.isFinite(millis) && millis >= 0)) return millis
  throw new BuildError(
    `Step "${id}" (watermarks): ${option} is ${preview(value)}; it must be a length of time, zero or more: milliseconds, a luxon Duration, or units as { seconds: 5 }.`,
  )
}
