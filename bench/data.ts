/** Random integers in [0, 2^32), the same for the same seed (Marsaglia, "Xorshift RNGs", 2003). */
export const randomIntegers = (seed: number): (() => number) => {
  let x = seed | 0 || 1
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return x >>> 0
  }
}

/** `count` distinct keys of at least seven characters, made once and shared by all items. */
export const makeKeys = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `k${String(index).padStart(6, '0')}`)

/** The items in batches of `size`, cut before anything is timed. */
export const cut = <T>(items: readonly T[], size: number): T[][] => {
  const batches: T[][] = []
  for (let from = 0; from < items.length; from += size) batches.push(items.slice(from, from + size))
  return batches
}

/** Shuffles in place (Fisher and Yates). */
export const shuffle = <T>(items: T[], random: () => number): T[] => {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = random() % (last + 1)
    const moved = items[last] as T
    items[last] = items[other] as T
    items[other] = moved
  }
  return items
}

/** Items of a pass where nothing else is said: 512 Ki, more than the caches hold as objects. */
export const PASS = 524_288

/** Items of a source batch where nothing else is said. */
export const BATCH = 1000
