/**
 * Numbers that look like chance and follow from a seed: xoshiro128**, its state filled by SplitMix32.
 *
 * The same seed gives the same numbers on every host and release of Node. Not for secrets.
 *
 * Sources: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators" (2021); Steele, Lea
 * and Flood, "Fast Splittable Pseudorandom Number Generators" (2014), its 32-bit form.
 */
export class Chance {
  readonly #state = new Uint32Array(4)

  constructor(seed: number) {
    // Seeds beyond 32 bits count in full: the low and the high half each fill two words.
    const low = splitMix(seed >>> 0)
    const high = splitMix((Math.floor(seed / 4_294_967_296) ^ 0x5bd1_e995) >>> 0)
    this.#state.set([low(), low() ^ high(), low(), low() ^ high()])
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1
  }

  /** A whole number of 32 bits. */
  #bits(): number {
    const state = this.#state
    const one = state[1] as number
    const scrambled = Math.imul(rotated(Math.imul(one, 5), 7), 9) >>> 0
    state[2] = (state[2] as number) ^ (state[0] as number)
    state[3] = (state[3] as number) ^ one
    state[1] = one ^ (state[2] as number)
    state[0] = (state[0] as number) ^ (state[3] as number)
    state[2] = (state[2] as number) ^ (one << 9)
    state[3] = rotated(state[3] as number, 11)
    return scrambled
  }

  /** A number in [0, 1), of 32 bits. */
  number(): number {
    return this.#bits() / 4_294_967_296
  }

  /** A whole number in [0, `below`). */
  below(below: number): number {
    return Math.floor(this.number() * below)
  }

  /** True with this probability. */
  happens(probability: number): boolean {
    return this.number() < probability
  }

  /** A generator of its own, so that what it draws does not move this one any further. */
  fork(): Chance {
    return new Chance(this.#bits() + this.#bits() * 4_294_967_296)
  }
}

const rotated = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

const splitMix = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x9e37_79b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0_aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a_2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
}
