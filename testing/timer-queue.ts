/** Something to be done at a time, as the queue keeps it. */
export interface Due {
  readonly due: number
  /** Among those of one time, the lower goes first. */
  readonly order: number
}

/** What is due when: a binary heap, earliest first, those of one time in the order they came. */
export class TimerQueue<Entry extends Due> {
  readonly #entries: Entry[] = []

  get first(): Entry | undefined {
    return this.#entries[0]
  }

  some(is: (entry: Entry) => boolean): boolean {
    return this.#entries.some(is)
  }

  push(entry: Entry): void {
    const entries = this.#entries
    let at = entries.length
    entries.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(entry, entries[parent] as Entry)) break
      entries[at] = entries[parent] as Entry
      at = parent
    }
    entries[at] = entry
  }

  shift(): Entry | undefined {
    const entries = this.#entries
    const first = entries[0]
    const last = entries.pop()
    if (first === undefined || last === undefined || entries.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= entries.length) break
      const right = entries[child + 1]
      if (right !== undefined && before(right, entries[child] as Entry)) child += 1
      if (!before(entries[child] as Entry, last)) break
      entries[at] = entries[child] as Entry
      at = child
    }
    entries[at] = last
    return first
  }
}

const before = (one: Due, other: Due): boolean =>
  one.due < other.due || (one.due === other.due && one.order < other.order)
