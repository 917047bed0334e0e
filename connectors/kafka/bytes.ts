/** Bytes that are being written, big-endian unless said otherwise. */
export class Bytes {
  #buffer: Buffer
  #end = 0

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(Math.max(64, capacity))
  }

  get length(): number {
    return this.#end
  }

  /** What was written; the writer is not used again. */
  taken(): Buffer {
    return this.#buffer.subarray(0, this.#end)
  }

  int8(value: number): void {
    this.#room(1)
    this.#buffer[this.#end] = value & 0xff
    this.#end += 1
  }

  int16(value: number): void {
    this.#room(2)
    this.#end = this.#buffer.writeInt16BE(value, this.#end)
  }

  uint16LE(value: number): void {
    this.#room(2)
    this.#end = this.#buffer.writeUInt16LE(value, this.#end)
  }

  int32(value: number): void {
    this.#room(4)
    this.#end = this.#buffer.writeInt32BE(value | 0, this.#end)
  }

  uint32LE(value: number): void {
    this.#room(4)
    this.#end = this.#buffer.writeUInt32LE(value >>> 0, this.#end)
  }

  int64(value: bigint): void {
    this.#room(8)
    this.#end = this.#buffer.writeBigInt64BE(value, this.#end)
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length)
    this.#buffer.set(value, this.#end)
    this.#end += value.length
  }

  /** Zigzag in groups of seven bits, for safe integers. */
  varint(value: number): void {
    let rest = value < 0 ? -2 * value - 1 : 2 * value
    this.#room(10)
    while (rest >= 0x80) {
      this.#buffer[this.#end] = (rest % 0x80) | 0x80
      this.#end += 1
      rest = Math.floor(rest / 0x80)
    }
    this.#buffer[this.#end] = rest
    this.#end += 1
  }

  /** Writes over what is there. */
  setInt32(at: number, value: number): void {
    this.#buffer.writeInt32BE(value | 0, at)
  }

  since(at: number): Buffer {
    return this.#buffer.subarray(at, this.#end)
  }

  #room(more: number): void {
    const needed = this.#end + more
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#end)
    this.#buffer = larger
  }
}

/** How many bytes `varint` writes. */
export const varintSize = (value: number): number => {
  let rest = value < 0 ? -2 * value - 1 : 2 * value
  let size = 1
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1
  return size
}
