import { EOF, type Polled } from '../lib/flow/source.ts'

/** How much may wait. */
export interface Room {
  readonly items: number
  readonly bytes: number
}

interface Arrival<T> {
  readonly item: T
  readonly bytes: number
}

/**
 * What has come in and was not taken yet, between a driver that calls and a source that is asked.
 *
 * It does not refuse: whoever puts asks `hasRoom` first, and stops reading, drops or fails.
 */
export class Arrivals<T> {
  readonly #room: Room
  #waiting: Arrival<T>[] = []
  #bytes = 0
  #ended = false
  #failure: unknown = null
  #wake: (() => void) | null = null
  #taken: (() => void) | null = null

  constructor(room: Room) {
    this.#room = room
  }

  get size(): number {
    return this.#waiting.length
  }

  /** Something of any size goes into an empty buffer, so that nothing waits for ever. */
  hasRoom(bytes = 0): boolean {
    if (this.#waiting.length === 0) return true
    return this.#waiting.length < this.#room.items && this.#bytes + bytes <= this.#room.bytes
  }

  put(item: T, bytes: number): void {
    if (this.#ended || this.#failure !== null) return
    this.#waiting.push({ item, bytes })
    this.#bytes += bytes
    this.#rouse()
  }

  dropOldest(): void {
    this.#bytes -= this.#waiting.shift()?.bytes ?? 0
  }

  /** After what waits there is nothing more. */
  end(): void {
    this.#ended = true
    this.#rouse()
  }

  /** After what waits the source fails. */
  fail(failure: unknown): void {
    this.#failure ??= failure
    this.#rouse()
  }

  /** Up to `max` items; the end; or a promise of them where nothing waits. */
  next(max: number): Polled<T> | Promise<Polled<T>> {
    if (this.#waiting.length > 0) return this.#take(max)
    if (this.#failure !== null) throw this.#failure
    if (this.#ended) return EOF
    return this.#heard().then(() => (this.#waiting.length > 0 ? this.#take(max) : []))
  }

  /** Resolves when something was taken, or when there is room anyway. */
  room(): Promise<void> {
    if (this.hasRoom() || this.#ended) return Promise.resolve()
    return new Promise((resolve) => {
      this.#taken = resolve
    })
  }

  #heard(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #take(max: number): T[] {
    const taken = this.#waiting.splice(0, max)
    for (const { bytes } of taken) this.#bytes -= bytes
    if (this.hasRoom()) this.#makeKnown()
    return taken.map(({ item }) => item)
  }

  #rouse(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
    if (this.#ended) this.#makeKnown()
  }

  #makeKnown(): void {
    const taken = this.#taken
    this.#taken = null
    taken?.()
  }
}
