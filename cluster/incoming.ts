import { PREFIX } from './outgoing.ts'

interface Piece {
  readonly at: number
  readonly bytes: Uint8Array
}

/**
 * Puts a stream of bytes together again from pieces that come in any order and more than once, and
 * cuts it into its messages.
 *
 * I1. Each byte is taken once, in order.
 * I2. What waits for a gap to be filled is bounded; beyond that a piece is as good as lost.
 */
export class Incoming {
  readonly #take: (message: Uint8Array) => void
  readonly #room: number
  readonly #waiting: Piece[] = []
  #held = 0
  #arrived = 0
  readonly #prefix = new Uint8Array(PREFIX)
  #prefixed = 0
  #message: { readonly bytes: Uint8Array; filled: number } | null = null

  /** @param room - how many bytes may wait behind a gap */
  constructor(room: number, take: (message: Uint8Array) => void) {
    this.#room = room
    this.#take = take
  }

  /** Everything before has arrived. */
  get arrived(): number {
    return this.#arrived
  }

  /** Where the first piece begins that waits; `null` where no gap is known. */
  get gapEnd(): number | null {
    return this.#waiting[0]?.at ?? null
  }

  /** Takes a piece; says what was new about it. */
  accept(at: number, bytes: Uint8Array): 'next' | 'ahead' | 'known' | 'dropped' {
    const end = at + bytes.length
    if (end <= this.#arrived) return 'known'
    if (at > this.#arrived) return this.#wait({ at, bytes })
    this.#append(bytes.subarray(this.#arrived - at))
    this.#fill()
    return 'next'
  }

  #wait({ at, bytes }: Piece): 'ahead' | 'known' | 'dropped' {
    const place = this.#placeOf(at)
    const same = this.#waiting[place]
    if (same !== undefined && same.at === at && same.bytes.length >= bytes.length) return 'known'
    if (this.#held + bytes.length > this.#room) return 'dropped'
    // A copy: the transport's buffer is larger than the piece, and is its own again afterwards.
    this.#waiting.splice(place, 0, { at, bytes: copyOf(bytes) })
    this.#held += bytes.length
    return 'ahead'
  }

  #placeOf(at: number): number {
    let low = 0
    let high = this.#waiting.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#waiting[middle]?.at ?? 0) < at) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Appends what waited for the gap that has just been filled. */
  #fill(): void {
    let used = 0
    for (const { at, bytes } of this.#waiting) {
      if (at > this.#arrived) break
      used += 1
      this.#held -= bytes.length
      if (at + bytes.length > this.#arrived) this.#append(bytes.subarray(this.#arrived - at))
    }
    if (used > 0) this.#waiting.splice(0, used)
  }

  #append(bytes: Uint8Array): void {
    this.#arrived += bytes.length
    let at = 0
    while (at < bytes.length) {
      at = this.#message === null ? this.#readPrefix(bytes, at) : this.#readBody(bytes, at)
    }
  }

  #readPrefix(bytes: Uint8Array, from: number): number {
    let at = from
    while (this.#prefixed < PREFIX && at < bytes.length) {
      this.#prefix[this.#prefixed++] = bytes[at++] as number
    }
    if (this.#prefixed < PREFIX) return at
    this.#prefixed = 0
    const length = new DataView(this.#prefix.buffer).getUint32(0)
    if (length <= bytes.length - at) {
      this.#take(copyOf(bytes.subarray(at, at + length)))
      return at + length
    }
    this.#message = { bytes: new Uint8Array(length), filled: 0 }
    return at
  }

  #readBody(bytes: Uint8Array, from: number): number {
    const message = this.#message as { bytes: Uint8Array; filled: number }
    const length = Math.min(message.bytes.length - message.filled, bytes.length - from)
    message.bytes.set(bytes.subarray(from, from + length), message.filled)
    message.filled += length
    if (message.filled === message.bytes.length) {
      this.#message = null
      this.#take(message.bytes)
    }
    return from + length
  }
}

/** `Buffer.slice` is no copy, and readers of a message count on its bytes to begin a buffer. */
const copyOf = (bytes: Uint8Array): Uint8Array => {
  const copy = new Uint8Array(bytes.length)
  copy.set(bytes)
  return copy
}
