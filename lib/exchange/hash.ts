/**
 * A 32-bit hash of a string: FNV-1a over its UTF-16 code units, then the finalizer of MurmurHash3,
 * since FNV alone leaves the high bits of short keys alike. The same on every host and release:
 * who owns a key, and which recovery partition keeps it, follow from it.
 *
 * Sources: Fowler, Noll, Vo, "FNV hash"; Appleby, MurmurHash3 `fmix32`.
 */
export const hashKey = (key: string): number => {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The owner of a hash among `count`: contiguous, equal ranges of the hash's space. */
export const ownerOfHash = (hash: number, count: number): number =>
  Math.floor((hash * count) / 4_294_967_296)

/** The worker that owns a key. */
export const ownerOfKey = (key: string, workers: number): number =>
  workers === 1 ? 0 : ownerOfHash(hashKey(key), workers)

/** The recovery partition that keeps the rows of a key of a step. */
export const recoveryPartitionOf = (stepId: string, key: string, partitions: number): number =>
  partitions === 1 ? 0 : ownerOfHash(hashKey(`${stepId}\u0000${key}`), partitions)
