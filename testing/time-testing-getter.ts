import { BuildError } from '../lib/errors/errors.ts'
import { durationOption } from '../lib/flow/options.ts'
import { type DurationLike, epochMillis, type TimeLike } from '../lib/time/time.ts'

/**
 * A clock that stands still until it is advanced; give its `now` to an `EventClock`.
 *
 * @param now - where it stands at first
 *
 * @example
 * ```ts
 * const time = new TimeTestingGetter(0)
 * const clock = new EventClock({ timestamp, wait: 0, now: time.now })
 * time.advance({ seconds: 5 })
 * time.get() // => 5000
 * ```
 */
export class TimeTestingGetter {
  #now: number

  constructor(now: TimeLike) {
    this.#now = epochMillis(now)
    if (!Number.isFinite(this.#now)) {
      throw new BuildError('now must be a point in time: epoch milliseconds, a Date or a DateTime.')
    }
  }

  /** Moves the clock forward. */
  advance(duration: DurationLike): void {
    this.#now += durationOption('advance', duration)
  }

  /** Epoch milliseconds; can be passed on without its object. */
  readonly get = (): number => this.#now

  /** The same as {@link get}. */
  readonly now = (): number => this.#now
}
