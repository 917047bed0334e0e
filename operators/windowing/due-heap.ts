/** What waits in a `DueHeap`; both fields belong to the heap once it is in. */
export interface DueEntry {
  readonly key: string
  /** When it is due. */
  due: number
  /** Its place in the heap; -1 outside. */
  place: number
}

/**
 * Entries by (due, key), each in it once: moving one costs a logarithm and leaves nothing behind, so
 * the heap is never larger than the keys it serves.
 */
export class DueHeap<E extends DueEntry> {
  readonly #entries: E[] = []

  get size(): number {
    return this.#entries.length
  }

  peek(): E | undefined {
    return this.#entries[0]
  }

  /** Puts an entry in, moves it, or with `null` takes it out. */
  schedule(entry: E, due: number | null): void {
    if (due === null) {
      this.remove(entry)
    } else if (entry.place === -1) {
      entry.due = due
      this.#entries.push(entry)
      this.#rise(entry, this.#entries.length - 1)
    } else if (entry.due !== due) {
      entry.due = due
      this.#sink(entry, this.#rise(entry, entry.place))
    }
  }

  remove(entry: E): void {
    const place = entry.place
    if (place === -1) return
    entry.place = -1
    const last = this.#entries.pop()
    if (last === undefined || last === entry) return
    this.#sink(last, this.#rise(last, place))
  }

  #rise(entry: E, from: number): number {
    let place = from
    while (place > 0) {
      const up = (place - 1) >> 1
      const parent = this.#entries[up] as E
      if (!isBefore(entry, parent)) break
      this.#put(parent, place)
      place = up
    }
    this.#put(entry, place)
    return place
  }

  #sink(entry: E, from: number): void {
    const size = this.#entries.length
    let place = from
    for (;;) {
      let down = 2 * place + 1
      if (down >= size) break
      if (down + 1 < size && isBefore(this.#entries[down + 1] as E, this.#entries[down] as E))
        down++
      const child = this.#entries[down] as E
      if (!isBefore(child, entry)) break
      this.#put(child, place)
      place = down
    }
    this.#put(entry, place)
  }

  #put(entry: E, place: number): void {
    this.#entries[place] = entry
    entry.place = place
  }
}

const isBefore = (a: DueEntry, b: DueEntry): boolean =>
  a.due < b.due || (a.due === b.due && a.key < b.key)
