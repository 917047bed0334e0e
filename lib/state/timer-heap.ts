/**
 * The notifications of one step, earliest first, those of one time in order of their keys.
 *
 * A binary heap over two parallel arrays. Entries that were called off stay until they come up:
 * whoever pops one compares it with what the key says now.
 */
export class TimerHeap {
  readonly #times: number[] = []
  readonly #keys: string[] = []

  get size(): number {
    return this.#times.length
  }

  /** The earliest time, or infinity. */
  get next(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  push(time: number, key: string): void {
    let at = this.#times.length
    this.#times.push(time)
    this.#keys.push(key)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#before(at, parent)) break
      this.#swap(at, parent)
      at = parent
    }
  }

  /** Takes the earliest notification off and gives its key. */
  pop(): string {
    const key = this.#keys[0] as string
    const lastTime = this.#times.pop() as number
    const lastKey = this.#keys.pop() as string
    if (this.#times.length > 0) {
      this.#times[0] = lastTime
      this.#keys[0] = lastKey
      this.#sink()
    }
    return key
  }

  #sink(): void {
    const size = this.#times.length
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) return
      if (child + 1 < size && this.#before(child + 1, child)) child += 1
      if (!this.#before(child, at)) return
      this.#swap(at, child)
      at = child
    }
  }

  #before(a: number, b: number): boolean {
    const timeA = this.#times[a] as number
    const timeB = this.#times[b] as number
    return (
      timeA < timeB || (timeA === timeB && (this.#keys[a] as string) < (this.#keys[b] as string))
    )
  }

  #swap(a: number, b: number): void {
    const time = this.#times[a] as number
    const key = this.#keys[a] as string
    this.#times[a] = this.#times[b] as number
    this.#keys[a] = this.#keys[b] as string
    this.#times[b] = time
    this.#keys[b] = key
  }
}
