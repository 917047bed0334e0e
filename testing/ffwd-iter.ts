/**
 * Takes `n` items from an iterator and drops them.
 *
 * @returns the same iterator, which may have ended
 *
 * @example
 * ```ts
 * ffwdIter([0, 1, 2][Symbol.iterator](), 2).next().value // => 2
 * ```
 */
export const ffwdIter = <It extends Iterator<unknown>>(iterator: It, n: number): It => {
  for (let taken = 0; taken < n; taken += 1) {
    if (iterator.next().done === true) break
  }
  return iterator
}
