/** Upper ends of the buckets, milliseconds; a last one takes all that is longer. */
export const DURATION_BOUNDS: readonly number[] = [
  0.1, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000,
]

/** Durations as they can be sent from thread to thread. */
export interface DurationCounts {
  /** How many fell into each bucket of {@link DURATION_BOUNDS}, and behind the last. */
  readonly counts: readonly number[]
  /** All of them together, milliseconds. */
  readonly sum: number
}

/** How long something took, counted in buckets. */
export class Durations {
  readonly #counts: number[] = Array(DURATION_BOUNDS.length + 1).fill(0)
  #sum = 0

  /** @param times - of so many alike */
  add(millis: number, times = 1): void {
    let bucket = 0
    while (bucket < DURATION_BOUNDS.length && millis > (DURATION_BOUNDS[bucket] as number)) {
      bucket += 1
    }
    this.#counts[bucket] = (this.#counts[bucket] as number) + times
    this.#sum += millis * times
  }

  get counted(): DurationCounts {
    return { counts: [...this.#counts], sum: this.#sum }
  }
}
