import type { Processor, ProcessorContext } from './processor.ts'
import type { StateTable } from './state-table.ts'
import { StepClock } from './step-clock.ts'

/** Periods a `ttl` is cut into: a key goes between one ttl and one and an eighth after its last item. */
const PERIODS = 8
/** Keys forgotten at a time, so that many that end together keep nothing waiting for long. */
const KEYS_A_TURN = 4096

/** The end of a period that no watermark has ended yet. */
const OPEN = Number.POSITIVE_INFINITY

/** Keys that were reached in one period, some of them later again. */
interface Period {
  readonly number: number
  readonly keys: string[]
  next: number
  /** The time from which on another one is open. */
  readonly until: number
  /** When it is a ttl old; of one that a watermark ends, infinite until then. */
  end: number
}

/**
 * Lets a keyed step forget keys that no item has reached for `ttl` milliseconds.
 *
 * Keys stand in a list for each period in which they were reached. When a period is a ttl old, its
 * list is gone through and the keys that were not reached again are forgotten: work for a key that
 * goes or moves on, none for one that waits, no timer a key. Keys from a snapshot count as reached
 * when the step resumes.
 *
 * In event time the items of a batch come before the watermark that they make, which may be hours
 * on: a period is as old as the watermark that ends it.
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
  #numbers = 0

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
    this.#endPeriod()
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

  /** The open period; before any time is known it is one that lasts until then. */
  #period(): Period {
    const now = this.#clock.now()
    const last = this.#periods.at(-1)
    if (last !== undefined && this.#isOpen(last, now)) return last
    const until = this.#endOfPeriod(now)
    const end = this.#clock.followsStream ? OPEN : until + this.#ttl
    this.#numbers += 1
    const period = { number: this.#numbers, keys: [], next: 0, until, end }
    this.#periods.push(period)
    return period
  }

  #isOpen({ until, end }: Period, now: number): boolean {
    return this.#clock.followsStream ? end === OPEN : now < until
  }

  #endOfPeriod(now: number): number {
    if (now === Number.NEGATIVE_INFINITY) return now
    const { first } = this.#clock
    return first + (Math.floor((now - first) / this.#length) + 1) * this.#length
  }

  #endPeriod(): void {
    const last = this.#periods.at(-1)
    const now = this.#clock.now()
    if (last === undefined || last.end !== OPEN || now < last.until) return
    if (now > Number.NEGATIVE_INFINITY) last.end = now + this.#ttl
  }

  #nextForgetting(): number {
    const oldest = this.#periods[0]
    if (oldest === undefined) return Number.POSITIVE_INFINITY
    if (!this.#clock.followsStream) return oldest.end
    // What a watermark has ended goes at once or, past the limit, in the next turns.
    return oldest.end <= this.#clock.now() ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }

  #forgetOld(): void {
    const now = this.#clock.now()
    if (now === Number.NEGATIVE_INFINITY) return
    let left = KEYS_A_TURN
    for (let old = this.#periods[0]; old !== undefined && old.end <= now; ) {
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
