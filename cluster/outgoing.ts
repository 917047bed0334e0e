/**
 * What a link has been given to send and the other end has not acknowledged: a stream of bytes, in
 * which each message stands behind its length. Any part of it can be cut out again, so what is
 * resent may be cut otherwise than before.
 */
export class Outgoing {
  readonly #messages: { readonly at: number; readonly bytes: Uint8Array }[] = []
  #first = 0
  #acked = 0
  #end = 0

  /** Where the stream begins that is still kept. */
  get acked(): number {
    return this.#acked
  }

  /** Where the next message will begin. */
  get end(): number {
    return this.#end
  }

  push(bytes: Uint8Array): void {
    this.#messages.push({ at: this.#end, bytes })
    this.#end += PREFIX + bytes.length
  }

  /** What lies before `offset` has arrived. */
  ack(offset: number): void {
    this.#acked = offset
    const messages = this.#messages
    while (this.#first < messages.length) {
      const { at, bytes } = messages[this.#first] as { at: number; bytes: Uint8Array }
      if (at + PREFIX + bytes.length > offset) break
      this.#first += 1
    }
    if (this.#first === messages.length || this.#first >= COMPACT) {
      messages.splice(0, this.#first)
      this.#first = 0
    }
  }

  /** Copies the stream from `offset` on into `target`, from `into` to its end. */
  copy(offset: number, target: Uint8Array, into: number): void {
    let index = this.#find(offset)
    let from = offset
    let to = into
    while (to < target.length) {
      const { at, bytes } = this.#messages[index] as { at: number; bytes: Uint8Array }
      for (; from < at + PREFIX && to < target.length; from++, to++) {
        target[to] = (bytes.length >>> (8 * (PREFIX - 1 - (from - at)))) & 0xff
      }
      const start = from - at - PREFIX
      const length = Math.min(bytes.length - start, target.length - to)
      if (length > 0) target.set(bytes.subarray(start, start + length), to)
      from += Math.max(0, length)
      to += Math.max(0, length)
      index += 1
    }
  }

  /** The message in which `offset` lies. */
  #find(offset: number): number {
    const messages = this.#messages
    let low = this.#first
    let high = messages.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((messages[middle]?.at ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Bytes of a message's length, most significant first. */
export const PREFIX: number = 4
/** How many acknowledged messages may lie about before they are cleared away. */
const COMPACT = 256
