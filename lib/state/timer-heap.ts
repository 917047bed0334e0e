import type { Entry } from './entry.ts'

/**
 * The notifications of one step, earliest first, those of one time in order of their keys.
 *
 * A binary heap over two parallel arrays. An entry knows its place and stands in it once, so moving
 * or calling off a notification leaves nothing behind: the heap is never larger than its keys.
 */
export class TimerHeap<E extends Entry> {
  readonly #times: number[] = []
  readonly #entries: E[] = []

  get size(): number {
    return this.#times.length
  }

  /** The earliest time, or infinity. */
  get next(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  /** When the entry is to be notified, or infinity. */
  timeOf(entry: E): number {
    return entry.$place < 0 ? Number.POSITIVE_INFINITY : (this.#times[entry.$place] as number)
  }

  /** Sets or moves the notification of an entry; `null` calls it off. */
  schedule(entry: E, time: number | null): void {
    const place = entry.$place
    if (time === null) {
      if (place >= 0) this.#take(place)
    } else if (place < 0) {
      this.#times.push(time)
      this.#entries.push(entry)
      this.#rise(this.#times.length - 1, time, entry)
    } else if (this.#times[place] !== time) {
      this.#settle(place, time, entry)
    }
  }

  /** Takes the earliest notification off and gives its entry. */
  pop(): E {
    return this.#take(0)
  }

  #take(place: number): E {
    const entry = this.#entries[place] as E
    const lastTime = this.#times.pop() as number
    const last = this.#entries.pop() as E
    entry.$place = -1
    if (last !== entry) this.#settle(place, lastTime, last)
    return entry
  }

  /** Puts an entry where it belongs, beginning at a place that is free for it. */
  #settle(place: number, time: number, entry: E): void {
    if (!this.#rise(place, time, entry)) this.#sink(place, time, entry)
  }

  /** Whether it is in place: moved up, or nothing lies below. */
  #rise(from: number, time: number, entry: E): boolean {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(time, entry, parent)) break
      this.#put(at, this.#times[parent] as number, this.#entries[parent] as E)
      at = parent
    }
    this.#put(at, time, entry)
    return at < from
  }

  #sink(from: number, time: number, entry: E): void {
    const size = this.#times.length
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.#childBefore(child + 1, child)) child += 1
      if (this.#isBefore(time, entry, child)) break
      this.#put(at, this.#times[child] as number, this.#entries[child] as E)
      at = child
    }
    this.#put(at, time, entry)
  }

  #childBefore(a: number, b: number): boolean {
    return this.#isBefore(this.#times[a] as number, this.#entries[a] as E, b)
  }

  #isBefore(time: number, entry: E, at: number): boolean {
    const other = this.#times[at] as number
    return time < other || (time === other && entry.$key < (this.#entries[at] as E).$key)
  }

  #put(at: number, time: number, entry: E): void {
    this.#times[at] = time
    this.#entries[at] = entry
    entry.$place = at
  }
}
