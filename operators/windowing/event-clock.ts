import { itemTime } from '../../lib/time/item-time.ts'
import type { DurationLike, TimeLike } from '../../lib/time/time.ts'
import { Clock, type ClockLogic, type Reading } from './clock.ts'
import { type StepTime, systemTime } from './step-time.ts'
import { callback, lengthOrZero } from './window-options.ts'

export interface EventClockOptions<V> {
  /** The event time of a value: epoch milliseconds, a `Date`, or a luxon `DateTime`. */
  readonly timestamp: (value: V) => TimeLike
  /** How long to wait for values out of order; `Infinity` waits for the end of input. */
  readonly wait: DurationLike
  /** Wall time in epoch milliseconds, read for each value; by default the flow's own. */
  readonly now?: () => number
}

/**
 * Tell event time by the values, with one watermark for each key.
 *
 * The watermark is the latest timestamp less `wait`, and moves on with wall time while no value
 * comes, so a window closes `wait` after its end at the latest. Each key keeps its watermark, idle
 * or not, so a closed window is never opened again. A flow that resumes starts to count wall time
 * anew: time spent down makes nothing late.
 *
 * @throws TypeError where `timestamp` gives no time
 *
 * @example
 * ```ts
 * const clock = new EventClock<Login>({ timestamp: (login) => login.at, wait: { seconds: 5 } })
 * ```
 */
export class EventClock<V> extends Clock<V, number | null> {
  readonly #timestamp: (value: V) => TimeLike
  readonly #wait: number
  readonly #now: (() => number) | undefined

  constructor(options: EventClockOptions<V>) {
    super()
    this.#timestamp = callback(options.timestamp, 'EventClock: timestamp')
    this.#wait = lengthOrZero(options.wait, 'EventClock: wait')
    this.#now = options.now === undefined ? undefined : callback(options.now, 'EventClock: now')
  }

  override build(resume: number | null, time: StepTime = systemTime): ClockLogic<V, number | null> {
    const own = this.#now
    return new EventClockLogic(this.#timestamp, this.#wait, {
      resume,
      wallTime: own ?? (() => time.now),
      startedAt: own === undefined ? () => time.startedAt ?? Number.NEGATIVE_INFINITY : NEVER,
      ahead: own === undefined || time === systemTime ? () => 0 : () => time.now - own(),
    })
  }
}

interface EventClockStart {
  readonly resume: number | null
  readonly wallTime: () => number
  /** Wall time before it does not count. */
  readonly startedAt: () => number
  /** How far the flow's wall time is ahead of `wallTime`: timers are set by the flow's. */
  readonly ahead: () => number
}

const NEVER = (): number => Number.NEGATIVE_INFINITY

/** The watermark as last observed, and the wall time of that; two numbers a key. */
class EventClockLogic<V> implements ClockLogic<V, number | null> {
  readonly #timestamp: (value: V) => TimeLike
  readonly #wait: number
  readonly #wallTime: () => number
  readonly #startedAt: () => number
  readonly #ahead: () => number
  #watermark: number
  #at: number

  constructor(timestamp: (value: V) => TimeLike, wait: number, start: EventClockStart) {
    this.#timestamp = timestamp
    this.#wait = wait
    this.#wallTime = start.wallTime
    this.#startedAt = start.startedAt
    this.#ahead = start.ahead
    this.#watermark = start.resume ?? Number.NEGATIVE_INFINITY
    this.#at = start.wallTime()
  }

  onItem(value: V): Reading {
    const time = itemTime(this.#timestamp(value), 'EventClock')
    this.onNotify()
    const candidate = time - this.#wait
    if (candidate > this.#watermark) this.#watermark = candidate
    return { time, watermark: this.#watermark }
  }

  onNotify(): number {
    const now = this.#wallTime()
    const from = this.#countedFrom()
    if (now > from) this.#watermark += now - from
    if (now > this.#at) this.#at = now
    return this.#watermark
  }

  onEof(): number {
    return Number.POSITIVE_INFINITY
  }

  notifyAt(): null {
    return null
  }

  wakeFor(time: number): number | null {
    const ahead = time - this.#watermark
    if (ahead === Number.POSITIVE_INFINITY) return null
    const from = this.#countedFrom() + this.#ahead()
    if (ahead <= 0) return from
    // A fraction of a millisecond may vanish in the sum: waking at this very instant would spin.
    const wake = Math.ceil(from + ahead)
    return wake > from ? wake : from + 1
  }

  /** Since when wall time has not been added to the watermark yet. */
  #countedFrom(): number {
    return Math.max(this.#at, this.#startedAt())
  }

  snapshot(): number | null {
    return this.#watermark === Number.NEGATIVE_INFINITY ? null : this.#watermark
  }
}
