/** The seed and the multiplier of Kafka's own variant of MurmurHash2, 32 bits. */
const SEED = 0x9747b28c
const MULTIPLIER = 0x5bd1e995

/** MurmurHash2 as Kafka's own clients compute it for keys. */
export const murmur2 = (bytes: Uint8Array): number => {
  let hash = SEED ^ bytes.length
  const whole = bytes.length & ~3
  for (let at = 0; at < whole; at += 4) {
    let word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    word = Math.imul(word, MULTIPLIER)
    word ^= word >>> 24
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER)
  }
  for (let at = bytes.length - 1; at >= whole; at -= 1) {
    hash ^= (bytes[at] as number) << (8 * (at - whole))
    if (at === whole) hash = Math.imul(hash, MULTIPLIER)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, MULTIPLIER)
  return hash ^ (hash >>> 15)
}

/** The partition of a key, out of so many. */
export const partitionOf = (key: Uint8Array, count: number): number =>
  (murmur2(key) & 0x7fffffff) % count
