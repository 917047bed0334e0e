import { positiveCount } from './options.ts'

/**
 * Cuts an iterable into lists of `size`; the last one may be shorter.
 *
 * Reads no further than the list that is asked for.
 *
 * @param items - what to cut
 * @param size - items a list
 *
 * @example
 * ```ts
 * [...batchIterable([0, 1, 2, 3, 4], 3)] // => [[0, 1, 2], [3, 4]]
 * ```
 */
export function* batchIterable<T>(items: Iterable<T>, size: number): Generator<T[], void, void> {
  positiveCount('size', size)
  let batch: T[] = []
  for (const item of items) {
    batch.push(item)
    if (batch.length === size) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}
