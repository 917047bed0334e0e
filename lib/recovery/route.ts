/**
 * The recovery partition that holds the rows of a key of a step: FNV-1a, then MurmurHash3's finish.
 *
 * Stored rows lie where this said when they were written, so it must never change.
 */
export const recoveryPartition = (stepId: string, key: string, count: number): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < stepId.length; index++) {
    hash = Math.imul(hash ^ stepId.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ 0x10000, 0x01000193)
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  hash ^= hash >>> 16
  return (hash >>> 0) % count
}
