/** One batch in so many is looked at, and of it one key; a prime, since batches may come in turns. */
const EVERY = 7
/** Keys that are counted at a time. */
const ROOM = 64
/** 2^32 by the golden ratio: its multiples lie far apart (Knuth, volume 3, section 6.4). */
const GOLDEN = 0x9e3779b1
/** Looks after which old ones count half. */
const SPAN = 4096
const MOST_TOLD = 5

/** A key and its share of the items, from 0 to 1. */
export type HotKey = readonly [key: string, share: number]

/**
 * Which keys the items of a step have most often, by samples: an estimate that costs next to nothing.
 *
 * A key that is new takes the place of the least frequent one and inherits its count, so that a frequent
 * one is never missed and a rare one soon gone (Metwally, Agrawal and El Abbadi: Efficient Computation of
 * Frequent and Top-k Elements in Data Streams, 2005, section 3).
 */
export class HotKeys {
  readonly #counts = new Map<string, number>()
  #batches = 0
  #looks = 0

  note(keys: readonly string[]): void {
    this.#batches += 1
    if (this.#batches % EVERY !== 0 || keys.length === 0) return
    // Scattered, so that no order of keys within batches is met in step.
    const at = (Math.imul(this.#batches, GOLDEN) >>> 8) % keys.length
    this.#count(keys[at] as string)
  }

  /** The most frequent first. */
  get hottest(): readonly HotKey[] {
    if (this.#looks === 0) return []
    return [...this.#counts]
      .sort(([, a], [, b]) => b - a)
      .slice(0, MOST_TOLD)
      .map(([key, count]) => [key, count / this.#looks])
  }

  #count(key: string): void {
    this.#looks += 1
    const known = this.#counts.get(key)
    if (known !== undefined || this.#counts.size < ROOM) {
      this.#counts.set(key, (known ?? 0) + 1)
    } else {
      this.#replaceLeast(key)
    }
    if (this.#looks >= SPAN) this.#fade()
  }

  #replaceLeast(key: string): void {
    let least = ''
    let count = Number.POSITIVE_INFINITY
    for (const [each, its] of this.#counts) {
      if (its >= count) continue
      least = each
      count = its
    }
    this.#counts.delete(least)
    this.#counts.set(key, count + 1)
  }

  #fade(): void {
    this.#looks /= 2
    for (const [key, count] of this.#counts) this.#counts.set(key, count / 2)
  }
}
