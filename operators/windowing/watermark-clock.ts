import { itemTime } from '../../lib/time/item-time.ts'
import type { TimeLike } from '../../lib/time/time.ts'
import { Clock, type ClockLogic, type Reading } from './clock.ts'
import { type StepTime, systemTime } from './step-time.ts'
import { callback } from './window-options.ts'

export interface WatermarkClockOptions<V> {
  /** The event time of a value: epoch milliseconds, a `Date`, or a luxon `DateTime`. */
  readonly timestamp: (value: V) => TimeLike
}

/**
 * Tell event time by the values and follow the watermark of the stream.
 *
 * All keys share the watermark that `watermarks` or the source sends, so a quiet key's windows close
 * with everybody's. Nothing is kept for a key without an open window.
 *
 * @throws TypeError where `timestamp` gives no time
 *
 * @example
 * ```ts
 * const clock = new WatermarkClock<Login>({ timestamp: (login) => login.at })
 * ```
 */
export class WatermarkClock<V> extends Clock<V, null> {
  /** Read by steps that keep their own tables instead of a clock for each key. */
  readonly timestamp: (value: V) => TimeLike

  constructor(options: WatermarkClockOptions<V>) {
    super()
    this.timestamp = callback(options.timestamp, 'WatermarkClock: timestamp')
  }

  override build(_resume: null, time: StepTime = systemTime): ClockLogic<V, null> {
    return new WatermarkClockLogic(this.timestamp, time)
  }
}

class WatermarkClockLogic<V> implements ClockLogic<V, null> {
  readonly followsStream = true
  readonly #timestamp: (value: V) => TimeLike
  readonly #time: StepTime

  constructor(timestamp: (value: V) => TimeLike, time: StepTime) {
    this.#timestamp = timestamp
    this.#time = time
  }

  onItem(value: V): Reading {
    const time = itemTime(this.#timestamp(value), 'WatermarkClock')
    return { time, watermark: this.#time.watermark }
  }

  onNotify(): number {
    return this.#time.watermark
  }

  onEof(): number {
    return Number.POSITIVE_INFINITY
  }

  notifyAt(): null {
    return null
  }

  snapshot(): null {
    return null
  }
}
