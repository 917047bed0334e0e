const RANGE = 2 ** 32

/** A power as the product of three: of the upper 11 bits of a draw, the next 11, and the last 10. */
const powers = (count: number, bit: number): Float64Array =>
  Float64Array.from({ length: count }, (_, part) => 10 ** ((6 * part * 2 ** bit) / RANGE))

const POWERS = {
  tops: powers(2048, 21).map((power) => power * 100),
  middles: powers(2048, 10),
  ends: powers(1024, 0),
}

/** Random numbers of one event: they depend on the event's id and the seed alone (mulberry32). */
export class Draws {
  /** Where words are written; none is longer. */
  readonly #letters = Buffer.alloc(100)
  #state = 0

  /** Begins anew for an event. */
  seed(id: number, salt: number): void {
    const high = Math.floor(id / RANGE)
    this.#state = Math.imul(id, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b) ^ salt
  }

  /** The next integer in [0, 2^32). */
  next(): number {
    const state = (this.#state + 0x6d2b79f5) | 0
    this.#state = state
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** The next integer in [0, bound), for a bound below 2^31. */
  below(bound: number): number {
    return ((this.next() / RANGE) * bound) | 0
  }

  /** A price in cents, spread evenly over six orders of magnitude: 10 to the (6 draw / 2^32), times 100. */
  price(): number {
    const draw = this.next()
    const { tops, middles, ends } = POWERS
    const near =
      (tops[draw >>> 21] as number) *
      (middles[(draw >>> 10) & 2047] as number) *
      (ends[draw & 1023] as number)
    const price = Math.floor(near + 0.5)
    // The product is off by less than 1e-7: it rounds as the power does, unless it is near a half.
    return Math.abs(near - price) < 0.499_999 ? price : Math.round(10 ** (6 * (draw / RANGE)) * 100)
  }

  /** A word of 3 to `longest` - 1 letters, here and there with a gap, but none of spaces at its ends. */
  word(longest: number, gap: number): string {
    const letters = this.#letters
    const length = 3 + this.below(longest - 3)
    for (let i = 0; i < length; i += 1) {
      letters[i] = this.below(13) === 0 ? gap : FIRST_LETTER + this.below(26)
    }
    let from = 0
    let to = length
    while (from < to && letters[from] === SPACE) from += 1
    while (from < to && letters[to - 1] === SPACE) to -= 1
    return letters.toString('latin1', from, to)
  }
}

export const SPACE = 32
export const UNDERSCORE = 95
const FIRST_LETTER = 97

const POOL_SIZE = 2 ** 20

const makePool = (): string => {
  const draws = new Draws()
  draws.seed(12345, 1)
  const letters = Buffer.alloc(POOL_SIZE)
  for (let i = 0; i < POOL_SIZE; i += 1) letters[i] = FIRST_LETTER + draws.below(26)
  return letters.toString('latin1')
}

const POOL = makePool()

/** Letters that bring a row of `size` bytes to `average`, give or take a fifth of what is missing. */
export const padding = (draws: Draws, size: number, average: number): string => {
  if (size > average) return ''
  const missing = average - size
  const spread = Math.round(0.2 * missing)
  const length = missing - spread + draws.below(2 * spread)
  const from = draws.below(POOL_SIZE - length)
  return POOL.slice(from, from + length)
}
