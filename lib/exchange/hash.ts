/**
 * A 32-bit hash of a string: FNV-1a over its UTF-16 code units, then the finalizer of MurmurHash3,
 * since FNV alone leaves the high bits of short keys alike. The same on every host and release:
 * who owns a key, and which recovery partition keeps it, follow from it.
 *
 * Sources: Fowler, Noll, Vo, "FNV hash"; Appleby, MurmurHash3 `fmix32`.
 */
export const hashKey = (key: string): number => finish(absorb(EMPTY, key))

const EMPTY = 0x811c9dc5

const absorb = (before: number, text: string): number => {
  let hash = before
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}

const finish = (before: number): number => {
  let hash = Math.imul(before ^ (before >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The owner of a hash among `count`: contiguous, equal ranges of the hash's space. */
export const ownerOfHash = (hash: number, count: number): number =>
  Math.floor((hash * count) / 4_294_967_296)

/** The worker that owns a key. */
export const ownerOfKey = (key: string, workers: number): number =>
  workers === 1 ? 0 : ownerOfHash(hashKey(key), workers)

/** For the keys of one step, the recovery partition that keeps their rows. */
export const recoveryPartitions = (
  stepId: string,
  partitions: number,
): ((key: string) => number) => {
  if (partitions === 1) return () => 0
  // What a key is hashed behind is hashed once.
  const step = absorb(EMPTY, `${stepId}\u0000`)
  return (key) => ownerOfHash(finish(absorb(step, key)), partitions)
}

/** The recovery partition that keeps the rows of a key of a step. */
export const recoveryPartitionOf = (stepId: string, key: string, partitions: number): number =>
  recoveryPartitions(stepId, partitions)(key)
