import type { Processor, ProcessorContext } from './processor.ts'
import type { StateTable } from './state-table.ts'
import { StepClock } from './step-clock.ts'

/** Periods a `ttl` is cut into: a key goes between one ttl and one and an eighth after its last item. */
const PERIODS = 8
/** Keys forgotten at a time, so that many that end together keep nothing waiting for long. */
const KEYS_A_TURN = 4096

/** Keys that were reached in one period, some of them later again. */
interface Period {
  readonly number: number
  readonly keys: string[]
  next: number
}

/**
 * Lets a keyed step forget keys that no item has reached for `ttl` milliseconds.
 *
 * Keys stand in a list for each period in which they were reached. When a period is a ttl old, its
 * list is gone through and the keys that were not reached again are forgotten: work for a key that
 * goes or moves on, none for one that waits, no timer a key. Keys from a snapshot count as reached
 * when the step resumes.
 */
export const withTtl = (processor: Processor, ttl: number, context: ProcessorContext): Processor =>
  new Forgetting(processor, ttl, context)

class Forgetting implements Processor {
  readonly table: StateTable
  readonly #inner: Processor
  readonly #ttl: number
  readonly #length: number
  readonly #clock: StepClock
  readonly #forget: (key: string) => void
  readonly #periods: Period[] = []

  constructor(inner: Processor, ttl: number, context: ProcessorContext) {
    this.table = inner.table
    this.#inner = inner
    this.#ttl = ttl
    this.#length = Math.max(1, ttl / PERIODS)
    this.#clock = new StepClock(context)
    this.#forget = (key) =>
      inner.forget === undefined ? inner.table.forget(key) : inner.forget(key)
  }

  get lateItems(): number | undefined {
    return this.#inner.lateItems
  }

  onBatch(keys: readonly string[], values: readonly unknown[], input: number): void {
    const period = this.#period()
    this.#forgetOld()
    this.#inner.onBatch(keys, values, input)
    for (const key of keys) if (this.table.see(key, period.number)) period.keys.push(key)
  }

  onWatermark(time: number): void {
    this.#inner.onWatermark?.(time)
    this.#clock.onWatermark(time)
    this.#forgetOld()
  }

  nextTimer(): number {
    return Math.min(this.#inner.nextTimer?.() ?? Number.POSITIVE_INFINITY, this.#nextForgetting())
  }

  onTimer(now: number): void {
    const due = this.#inner.nextTimer?.() ?? Number.POSITIVE_INFINITY
    if (due <= now) this.#inner.onTimer?.(now)
    this.#forgetOld()
  }

  onEnd(): void {
    this.#inner.onEnd?.()
  }

  onLoaded(): void {
    this.#inner.onLoaded?.()
    const period = this.#period()
    for (const key of this.table.keys()) {
      if (this.table.see(key, period.number)) period.keys.push(key)
    }
  }

  forget(key: string): void {
    this.#forget(key)
  }

  query(key: string): unknown {
    return this.#inner.query === undefined ? this.table.peek(key) : this.#inner.query(key)
  }

  /** The open period; the first is 1, and lasts as long as no time is known. */
  #period(): Period {
    const now = this.#clock.now()
    const known = now > Number.NEGATIVE_INFINITY
    const number = known ? Math.floor((now - this.#clock.first) / this.#length) + 1 : 1
    const last = this.#periods.at(-1)
    if (last !== undefined && last.number >= number) return last
    const period = { number, keys: [], next: 0 }
    this.#periods.push(period)
    return period
  }

  #endOf(period: Period): number {
    return this.#clock.first + period.number * this.#length + this.#ttl
  }

  #nextForgetting(): number {
    const oldest = this.#periods[0]
    if (oldest === undefined) return Number.POSITIVE_INFINITY
    const end = this.#endOf(oldest)
    if (!this.#clock.followsStream) return end
    // What a watermark has ended goes at once or, past the limit, in the next turns.
    return end <= this.#clock.now() && end > Number.NEGATIVE_INFINITY
      ? Number.NEGATIVE_INFINITY
      : Number.POSITIVE_INFINITY
  }

  #forgetOld(): void {
    const now = this.#clock.now()
    if (now === Number.NEGATIVE_INFINITY) return
    let left = KEYS_A_TURN
    for (let old = this.#periods[0]; old !== undefined && this.#endOf(old) <= now; ) {
      while (old.next < old.keys.length) {
        if (left-- === 0) return
        const key = old.keys[old.next++] as string
        if (this.table.seen(key) === old.number) this.#forget(key)
      }
      this.#periods.shift()
      old = this.#periods[0]
    }
  }
}
