/** LZ4 frames (the LZ4 frame format 1.6), as Kafka uses them: independent blocks of 64 KiB. */
import { Bytes } from './bytes.ts'

const MAGIC = 0x184d2204
/** Magic; version 1 with independent blocks; blocks of 64 KiB; the checksum of these two. */
const HEADER = Buffer.from('04224d18604082', 'hex')
const BLOCK = 64 * 1024
const HASH_BITS = 14
const STORED = 0x80000000
const SHORTEST_MATCH = 4
/** The last match begins at least so many bytes before the end, and the last five are literals. */
const MATCH_LIMIT = 12
const LAST_LITERALS = 5

/** @throws RangeError for what is no LZ4 frame, or has more than `limit` bytes */
export const unlz4 = (input: Buffer, limit: number): Buffer => {
  if (input.readUInt32LE(0) !== MAGIC) throw new RangeError('no LZ4 frame')
  const flags = input.readUInt8(4)
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0)
  const output = new Unpacked(limit)
  for (;;) {
    const word = input.readUInt32LE(at)
    at += 4
    if (word === 0) return output.taken()
    const size = word & 0x7fffffff
    if (at + size > input.length) throw new RangeError('a block is cut off')
    const block = input.subarray(at, at + size)
    if (word & STORED) output.literals(block)
    else unpack(block, output)
    at += size + (flags & 0x10 ? 4 : 0)
  }
}

export const lz4 = (input: Buffer): Buffer => {
  const out = new Bytes(input.length)
  out.bytes(HEADER)
  for (let at = 0; at < input.length; at += BLOCK) {
    const block = input.subarray(at, at + BLOCK)
    const packed = pack(block)
    const smaller = packed.length < block.length
    out.uint32LE(smaller ? packed.length : block.length | STORED)
    out.bytes(smaller ? packed : block)
  }
  out.uint32LE(0)
  return out.taken()
}

/** What comes out, and can be copied from. */
class Unpacked {
  readonly #limit: number
  #buffer: Buffer = Buffer.allocUnsafe(BLOCK)
  #end = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  literals(bytes: Buffer): void {
    this.#room(bytes.length)
    bytes.copy(this.#buffer, this.#end)
    this.#end += bytes.length
  }

  match(back: number, size: number): void {
    if (back === 0 || back > this.#end) throw new RangeError('a copy of nothing')
    this.#room(size)
    for (let left = size; left > 0; left -= 1, this.#end += 1) {
      this.#buffer[this.#end] = this.#buffer[this.#end - back] as number
    }
  }

  taken(): Buffer {
    return this.#buffer.subarray(0, this.#end)
  }

  #room(more: number): void {
    const needed = this.#end + more
    if (needed > this.#limit) throw new RangeError(`more than ${this.#limit} bytes`)
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#end)
    this.#buffer = larger
  }
}

const unpack = (block: Buffer, output: Unpacked): void => {
  let at = 0
  const extended = (short: number): number => {
    let length = short
    for (let byte = 255; short === 15 && byte === 255; length += byte) byte = block.readUInt8(at++)
    return length
  }
  while (at < block.length) {
    const token = block[at++] as number
    const literals = extended(token >> 4)
    if (at + literals > block.length) throw new RangeError('a literal too long')
    output.literals(block.subarray(at, at + literals))
    at += literals
    if (at >= block.length) return
    const back = block.readUInt16LE(at)
    at += 2
    output.match(back, extended(token & 15) + SHORTEST_MATCH)
  }
}

const pack = (input: Buffer): Buffer => {
  const out = new Bytes(input.length)
  const table = new Int32Array(1 << HASH_BITS).fill(-1)
  let literal = 0
  let at = 0
  while (at < input.length - MATCH_LIMIT) {
    const word = input.readUInt32LE(at)
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS)
    const found = table[slot] as number
    table[slot] = at
    if (found < 0 || input.readUInt32LE(found) !== word) {
      at += 1
      continue
    }
    let size = SHORTEST_MATCH
    const most = input.length - LAST_LITERALS - at
    while (size < most && input[found + size] === input[at + size]) size += 1
    writeSequence(out, input.subarray(literal, at), { back: at - found, size })
    at += size
    literal = at
  }
  writeSequence(out, input.subarray(literal), null)
  return out.taken()
}

const writeSequence = (
  out: Bytes,
  literals: Buffer,
  match: { readonly back: number; readonly size: number } | null,
): void => {
  const extra = match === null ? 0 : match.size - SHORTEST_MATCH
  out.int8((Math.min(literals.length, 15) << 4) | Math.min(extra, 15))
  writeExtension(out, literals.length)
  out.bytes(literals)
  if (match === null) return
  out.uint16LE(match.back)
  writeExtension(out, extra)
}

const writeExtension = (out: Bytes, length: number): void => {
  if (length < 15) return
  let rest = length - 15
  for (; rest >= 255; rest -= 255) out.int8(255)
  out.int8(rest)
}
