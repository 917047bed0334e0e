/**
 * The least of numbers that change one at a time, in as many steps as their count has binary digits:
 * a mailbox has a channel for each worker, and each of them tells it of progress.
 */
export class Lowest {
  /** A tree in an array: the children of `at` are at twice `at` and next to it, leaves come last. */
  #tree: Float64Array = new Float64Array(2).fill(Number.POSITIVE_INFINITY)
  #leaves = 1

  /** Infinity where there are none. */
  get value(): number {
    return this.#tree[1] as number
  }

  /** Changes number `index`, or adds it; those never named are infinite. */
  set(index: number, value: number): void {
    if (index >= this.#leaves) this.#grow(index + 1)
    const tree = this.#tree
    let at = this.#leaves + index
    tree[at] = value
    while (at > 1) {
      const least = Math.min(tree[at] as number, tree[at ^ 1] as number)
      at >>= 1
      if (tree[at] === least) return
      tree[at] = least
    }
  }

  #grow(count: number): void {
    const [before, had] = [this.#tree, this.#leaves]
    while (this.#leaves < count) this.#leaves *= 2
    this.#tree = new Float64Array(2 * this.#leaves).fill(Number.POSITIVE_INFINITY)
    this.#tree.set(before.subarray(had), this.#leaves)
    for (let at = this.#leaves - 1; at > 0; at--) {
      const [left, right] = [this.#tree[2 * at] as number, this.#tree[2 * at + 1] as number]
      this.#tree[at] = Math.min(left, right)
    }
  }
}
