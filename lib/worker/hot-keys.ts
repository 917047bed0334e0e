/** Items from one look to the next, by the mean, once there have been as many looks. */
const EVERY = 1009
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
  #looks = 0
  /** Looks since the beginning: `#looks` fades. */
  #taken = 0
  /** Items to let pass before the next look. */
  #left = 0

  note(keys: readonly string[]): void {
    const { length } = keys
    let at = this.#left
    while (at < length) {
      this.#count(keys[at] as string)
      at += this.#stride()
    }
    this.#left = at - length
  }

  /** The most frequent first. */
  get hottest(): readonly HotKey[] {
    if (this.#looks === 0) return []
    return [...this.#counts]
      .sort(([, a], [, b]) => b - a)
      .slice(0, MOST_TOLD)
      .map(([key, count]) => [key, count / this.#looks])
  }

  /**
   * Scattered evenly about its mean, so that no order of the keys is met in step. It grows with the
   * looks, so that little input is known as well as much, and the looks cost little in either.
   */
  #stride(): number {
    this.#taken += 1
    const mean = Math.min(this.#taken, EVERY)
    return 1 + ((Math.imul(this.#taken, GOLDEN) >>> 8) % (2 * mean - 1))
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
