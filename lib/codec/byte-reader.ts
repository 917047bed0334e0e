/**
 * Reads what a `ByteWriter` wrote; every length is checked before anything is made of it.
 *
 * A RangeError says that the bytes are not what a `ByteWriter` wrote.
 */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    // Runs of numbers are read in place, which needs the frame to begin at a multiple of eight.
    const own = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()
    this.#bytes = Buffer.from(own.buffer, own.byteOffset, own.length)
    this.#view = new DataView(own.buffer, own.byteOffset, own.length)
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  i32(): number {
    return this.u32() | 0
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  float64s(count: number): Float64Array {
    return new Float64Array(this.#bytes.buffer, this.#run(count, 8), count)
  }

  int32s(count: number): Int32Array {
    return new Int32Array(this.#bytes.buffer, this.#run(count, 4), count)
  }

  uint32s(count: number): Uint32Array {
    return new Uint32Array(this.#bytes.buffer, this.#run(count, 4), count)
  }

  uint16s(count: number): Uint16Array {
    return new Uint16Array(this.#bytes.buffer, this.#run(count, 2), count)
  }

  uint8s(count: number): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#run(count, 1), count)
  }

  /** A piece of the next `length` characters, a byte each, without moving on. */
  latin1(length: number): { readonly all: string; piece(from: number, to: number): string } {
    const at = this.#take(length)
    const bytes = this.#bytes
    return {
      all: bytes.toString('latin1', at, at + length),
      piece: (from, to) => bytes.toString('latin1', at + from, at + to),
    }
  }

  utf16(length: number): { readonly all: string; piece(from: number, to: number): string } {
    this.#align(2)
    const at = this.#take(length * 2)
    const bytes = this.#bytes
    return {
      all: bytes.toString('utf16le', at, at + length * 2),
      piece: (from, to) => bytes.toString('utf16le', at + from * 2, at + to * 2),
    }
  }

  #run(count: number, size: number): number {
    this.#align(size)
    return this.#bytes.byteOffset + this.#take(count * size)
  }

  #align(size: number): void {
    const off = this.#at % size
    if (off !== 0) this.#take(size - off)
  }

  #take(length: number): number {
    if (length > this.remaining) {
      throw new RangeError(`${length} bytes are announced where ${this.remaining} are left`)
    }
    const at = this.#at
    this.#at += length
    return at
  }
}
