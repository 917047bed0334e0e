/**
 * Values in order of their time, and of their arrival where times are equal.
 *
 * A binary heap in three parallel arrays, so there is no object for a value; a value that arrives in
 * order costs one comparison.
 */
export class TimeQueue<V> {
  readonly #times: number[] = []
  readonly #ordinals: number[] = []
  readonly #values: V[] = []
  #nextOrdinal = 0

  get size(): number {
    return this.#times.length
  }

  /** The time of the first value; `Infinity` when there is none. */
  get firstTime(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  push(time: number, value: V): void {
    let at = this.#times.length
    const ordinal = this.#nextOrdinal++
    this.#times.push(time)
    this.#ordinals.push(ordinal)
    this.#values.push(value)
    while (at > 0) {
      const parent = (at - 1) >> 1
      // The new value has the highest ordinal, so it goes up only past strictly later times.
      if (this.#timeAt(parent) <= time) break
      this.#move(parent, at)
      at = parent
    }
    this.#times[at] = time
    this.#ordinals[at] = ordinal
    this.#values[at] = value
  }

  /** Takes out the first value; only to be asked for when there is one. */
  shift(): V {
    const [first] = this.#values
    const time = this.#times.pop()
    const ordinal = this.#ordinals.pop()
    const value = this.#values.pop()
    if (time === undefined || ordinal === undefined) throw new RangeError('The queue is empty.')
    const size = this.#times.length
    if (size === 0) {
      this.#nextOrdinal = 0
    } else {
      const at = this.#holeFor(time, ordinal)
      this.#times[at] = time
      this.#ordinals[at] = ordinal
      this.#values[at] = value as V
    }
    return first as V
  }

  /** All values with their times, in order. */
  entries(): [time: number, value: V][] {
    const order = this.#times.map((_, index) => index)
    order.sort((a, b) => (this.#before(a, b) ? -1 : 1))
    return order.map((index) => [this.#timeAt(index), this.#values[index] as V])
  }

  /** Moves the hole at the root down to where an entry of this time and ordinal belongs. */
  #holeFor(time: number, ordinal: number): number {
    const size = this.#times.length
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) return at
      if (child + 1 < size && this.#before(child + 1, child)) child++
      const childTime = this.#timeAt(child)
      if (childTime > time) return at
      if (childTime === time && this.#ordinalAt(child) > ordinal) return at
      this.#move(child, at)
      at = child
    }
  }

  #before(a: number, b: number): boolean {
    const byTime = this.#timeAt(a) - this.#timeAt(b)
    return byTime === 0 ? this.#ordinalAt(a) < this.#ordinalAt(b) : byTime < 0
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#timeAt(from)
    this.#ordinals[to] = this.#ordinalAt(from)
    this.#values[to] = this.#values[from] as V
  }

  #timeAt(index: number): number {
    return this.#times[index] ?? Number.NaN
  }

  #ordinalAt(index: number): number {
    return this.#ordinals[index] ?? Number.NaN
  }
}
