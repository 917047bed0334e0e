import type { Signal } from '../signal/signal.ts'
import { Durations } from './durations.ts'

/** Takes note of single batches. */
interface BatchNotes {
  /** Whether they are wanted now. */
  readonly recording: boolean
  batch(step: string, batch: Signal, began: number): void
}

/** Batches that take less than this, milliseconds, and come as close, are timed one in so many. */
const QUICK = 0.05
const CLOSE = 0.1
const ONE_IN = 8

/**
 * How long batches take, measured once somebody wants to know.
 *
 * T1. Of many quick batches in close order one in a few is timed and counts for those that were passed
 *     over before it, so that the clock is never read for a noticeable share of the work, and
 *     counts and sums are right by the mean. All others are timed.
 * T2. While single batches are noted, each is timed.
 */
export class Timing {
  readonly durations: Durations = new Durations()
  /** When the last batch began; `null` where it was passed over. */
  began: number | null = null
  readonly #monotonic: () => number
  readonly #notes: BatchNotes | null
  /** Batches still to pass over, and those passed over since one was timed. */
  #left = 0
  #passed = 0
  #lastBegan = Number.NEGATIVE_INFINITY

  constructor(monotonic: () => number, notes: BatchNotes | null = null) {
    this.#monotonic = monotonic
    this.#notes = notes
  }

  /** Work begins that may turn out to be none: then there is no end. */
  begin(): void {
    const passes = this.#left > 0 && this.#notes?.recording !== true
    this.began = passes ? null : this.#monotonic()
  }

  end(): void {
    const { began } = this
    if (began === null) {
      this.#left -= 1
      this.#passed += 1
      return
    }
    const took = this.#monotonic() - began
    const standsFor = this.#passed + 1
    this.durations.add(took, standsFor)
    const isClose = began - this.#lastBegan < CLOSE * standsFor
    this.#left = took < QUICK && isClose ? ONE_IN - 1 : 0
    this.#passed = 0
    this.#lastBegan = began
  }

  note(step: string, batch: Signal): void {
    const notes = this.#notes
    if (notes?.recording === true && this.began !== null) notes.batch(step, batch, this.began)
  }
}
