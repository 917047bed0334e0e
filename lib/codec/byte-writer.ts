const SMALLEST = 64 * 1024

/**
 * A growing buffer of numbers and text, reused from one frame to the next.
 *
 * Numbers are little-endian; runs of them lie at a multiple of their size, so that they can be read
 * in place.
 */
export class ByteWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(SMALLEST)
  #view = viewOf(this.#bytes)
  #at = 0

  get length(): number {
    return this.#at
  }

  reset(): void {
    this.#at = 0
  }

  /** What has been written, as an array of its own. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#at)
    taken.set(this.#bytes.subarray(0, this.#at))
    return taken
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#at++] = value
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
  }

  i32(value: number): void {
    this.u32(value >>> 0)
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }

  /** Room for `count` numbers of `size` bytes, aligned; the caller fills it. */
  run(count: number, size: number): { readonly buffer: ArrayBuffer; readonly offset: number } {
    this.#align(size)
    this.#reserve(count * size)
    const offset = this.#at
    this.#at += count * size
    return { buffer: this.#bytes.buffer as ArrayBuffer, offset }
  }

  /** Text of characters below 256, a byte each. */
  latin1(text: string): void {
    this.#reserve(text.length)
    this.#bytes.write(text, this.#at, 'latin1')
    this.#at += text.length
  }

  utf16(text: string): void {
    this.#align(2)
    this.#reserve(text.length * 2)
    this.#bytes.write(text, this.#at, 'utf16le')
    this.#at += text.length * 2
  }

  #align(size: number): void {
    const off = this.#at % size
    if (off === 0) return
    this.#reserve(size - off)
    this.#bytes.fill(0, this.#at, this.#at + size - off)
    this.#at += size - off
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + more))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = grown
    this.#view = viewOf(grown)
  }
}

const viewOf = (bytes: Buffer): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
