import { Clock, type ClockLogic, type Reading } from './clock.ts'
import { type StepTime, systemTime } from './step-time.ts'

/**
 * Take wall time for event time: a value happens when it arrives, and nothing is ever late.
 *
 * Windows close by themselves when wall time passes their end. Nothing is kept; a window whose end
 * passed while the flow was down closes as soon as it resumes.
 *
 * @example
 * ```ts
 * const clock = new SystemClock()
 * ```
 */
export class SystemClock<V = unknown> extends Clock<V, null> {
  override build(_resume: null, time: StepTime = systemTime): ClockLogic<V, null> {
    return new SystemClockLogic(time)
  }
}

class SystemClockLogic<V> implements ClockLogic<V, null> {
  readonly #time: StepTime
  #now: number

  constructor(time: StepTime) {
    this.#time = time
    this.#now = time.now
  }

  onItem(_value: V): Reading {
    const now = this.onNotify()
    return { time: now, watermark: now }
  }

  onNotify(): number {
    const { now } = this.#time
    if (now > this.#now) this.#now = now
    return this.#now
  }

  onEof(): number {
    return Number.POSITIVE_INFINITY
  }

  notifyAt(): null {
    return null
  }

  wakeFor(time: number): number {
    return Math.ceil(time)
  }

  snapshot(): null {
    return null
  }
}
