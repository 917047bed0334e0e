/** Lists by number, taken from the lowest number on. */
export class Buckets<E> {
  readonly #lists = new Map<number, E[]>()
  /** Ascending; new numbers are mostly the highest. */
  readonly #ids: number[] = []

  /** The lowest number; `Infinity` when there is none. */
  get first(): number {
    return this.#ids[0] ?? Number.POSITIVE_INFINITY
  }

  add(id: number, entry: E): void {
    const list = this.#lists.get(id)
    if (list !== undefined) {
      list.push(entry)
      return
    }
    this.#lists.set(id, [entry])
    let at = this.#ids.length
    while (at > 0 && (this.#ids[at - 1] ?? id) > id) at--
    this.#ids.splice(at, 0, id)
  }

  takeFirst(): E[] {
    const id = this.#ids.shift()
    if (id === undefined) return []
    const list = this.#lists.get(id) ?? []
    this.#lists.delete(id)
    return list
  }
}
