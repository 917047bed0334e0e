/** Snappy as Kafka uses it: raw blocks, or blocks in the frame of xerial's Java library. */
import { Bytes } from './bytes.ts'

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEADER = 16
const BLOCK = 32 * 1024
const HASH_BITS = 14
/** Bytes that say how far back a copy begins, by the kind of tag. */
const WIDTHS = [0, 1, 2, 4]

/** @throws RangeError for what is no Snappy, or has more than `limit` bytes */
export const unsnappy = (input: Buffer, limit: number): Buffer => {
  if (!input.subarray(0, XERIAL.length).equals(XERIAL)) return decompressBlock(input, limit)
  const blocks: Buffer[] = []
  let left = limit
  for (let at = XERIAL_HEADER; at < input.length; ) {
    const length = input.readInt32BE(at)
    at += 4
    if (length < 0 || at + length > input.length) throw new RangeError('a block is cut off')
    const block = decompressBlock(input.subarray(at, at + length), left)
    left -= block.length
    blocks.push(block)
    at += length
  }
  return Buffer.concat(blocks)
}

export const snappy = (input: Buffer): Buffer => {
  const header = Buffer.alloc(XERIAL_HEADER)
  XERIAL.copy(header)
  header.writeInt32BE(1, 8)
  header.writeInt32BE(1, 12)
  const out = new Bytes(input.length)
  out.bytes(header)
  for (let at = 0; at < input.length; at += BLOCK) {
    const block = compressBlock(input.subarray(at, at + BLOCK))
    out.int32(block.length)
    out.bytes(block)
  }
  return out.taken()
}

const decompressBlock = (input: Buffer, limit: number): Buffer => {
  let at = 0
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = input[at++]
    if (byte === undefined || shift > 28) throw new RangeError('no length')
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (length > limit) throw new RangeError(`more than ${limit} bytes`)
  const output = Buffer.alloc(length)
  let end = 0
  while (at < input.length) {
    const tag = input[at++] as number
    if ((tag & 3) === 0) {
      let size = tag >> 2
      if (size >= 60) {
        const bytes = size - 59
        size = input.readUIntLE(at, bytes)
        at += bytes
      }
      size += 1
      if (at + size > input.length || end + size > length)
        throw new RangeError('a literal too long')
      input.copy(output, end, at, at + size)
      at += size
      end += size
      continue
    }
    const width = WIDTHS[tag & 3] as number
    const size = width === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
    const back = input.readUIntLE(at, width) + (width === 1 ? (tag >> 5) << 8 : 0)
    at += width
    if (back === 0 || back > end || end + size > length) throw new RangeError('a copy of nothing')
    for (let left = size; left > 0; left -= 1, end += 1) output[end] = output[end - back] as number
  }
  if (end !== length) throw new RangeError(`${end} bytes instead of ${length}`)
  return output
}

const compressBlock = (input: Buffer): Buffer => {
  const out = new Bytes(input.length)
  let length = input.length
  for (; length >= 0x80; length >>>= 7) out.int8((length & 0x7f) | 0x80)
  out.int8(length)
  const table = new Int32Array(1 << HASH_BITS).fill(-1)
  let literal = 0
  let at = 0
  while (at + 4 <= input.length) {
    const word = input.readUInt32LE(at)
    const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS)
    const found = table[slot] as number
    table[slot] = at
    if (found < 0 || input.readUInt32LE(found) !== word) {
      at += 1
      continue
    }
    writeLiteral(out, input.subarray(literal, at))
    let size = 4
    while (at + size < input.length && input[found + size] === input[at + size]) size += 1
    for (let left = size; left > 0; left -= 64) {
      out.int8(((Math.min(left, 64) - 1) << 2) | 2)
      out.uint16LE(at - found)
    }
    at += size
    literal = at
  }
  writeLiteral(out, input.subarray(literal))
  return out.taken()
}

const writeLiteral = (out: Bytes, bytes: Buffer): void => {
  if (bytes.length === 0) return
  const last = bytes.length - 1
  if (last < 60) out.int8(last << 2)
  else if (last < 0x100) {
    out.int8(60 << 2)
    out.int8(last)
  } else {
    out.int8(61 << 2)
    out.uint16LE(last)
  }
  out.bytes(bytes)
}
