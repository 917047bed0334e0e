import { positiveCount } from './options.ts'
import { EOF } from './source.ts'

/**
 * Lists of what `get` returns: each list ends when it is full or `get` has nothing now.
 *
 * @param get - called until it returns `null` (nothing now) or `EOF` (nothing more, ever)
 * @param maxSize - items a list
 *
 * @example
 * ```ts
 * const queue = [0, 1, 2, 3]
 * const batches = batchGetter(() => queue.shift() ?? null, 3)
 * batches.next().value // => [0, 1, 2]
 * batches.next().value // => [3]
 * batches.next().value // => []
 * ```
 */
export function* batchGetter<T>(
  get: () => T | null | typeof EOF,
  maxSize: number,
): Generator<T[], void, void> {
  positiveCount('maxSize', maxSize)
  for (let more = true; more; ) {
    const batch: T[] = []
    more = fill(batch, get, maxSize)
    if (more || batch.length > 0) yield batch
  }
}

/** Whether there may be more, later. */
const fill = <T>(batch: T[], get: () => T | null | typeof EOF, maxSize: number): boolean => {
  while (batch.length < maxSize) {
    const item = get()
    if (item === EOF) return false
    if (item === null) return true
    batch.push(item)
  }
  return true
}
