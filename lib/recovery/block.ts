import { crc32 } from 'node:zlib'
import { SLICED_FROM } from '../codec/string-column.ts'
import { CorruptPartitionError } from '../errors/errors.ts'

/**
 * Rows of one step at the end of one epoch, packed: what travels to a recorder and into a store.
 *
 * B1. The bytes stand alone: crc32 of all that follows, format, row count, rows.
 * B2. A row is its key and its state, each behind its length; both are copied from block to block
 *     without being decoded.
 * B3. One key has one encoding, so equal keys are equal bytes.
 */
export interface Block {
  /** The step's id as written in the flow, scopes included, without the flow's name. */
  readonly stepId: string
  readonly epoch: number
  readonly rows: number
  readonly bytes: Uint8Array
}

const FORMAT = 1
/** crc32, format, row count. */
const HEAD_LENGTH = 9
const FULL_BYTES = 64 * 1024
const FULL_ROWS = 1024
/** The longest head of a key or state: 32 bits in sevens. */
const LONGEST_VARINT = 5
/** Below this a loop copies sooner than a call into the engine does. */
const SHORT = 48

/** Packs rows into blocks; used again after each `build`. */
export class BlockBuilder {
  readonly stepId: string
  readonly epoch: number
  #bytes = new Uint8Array(4096)
  #end = HEAD_LENGTH
  #rows = 0

  constructor(stepId: string, epoch: number) {
    this.stepId = stepId
    this.epoch = epoch
  }

  get rows(): number {
    return this.#rows
  }

  /** How many bytes a block built now would have. */
  get length(): number {
    return this.#end
  }

  /** Time to build: 64 KiB, or 1024 rows. */
  get full(): boolean {
    return this.#end >= FULL_BYTES || this.#rows >= FULL_ROWS
  }

  /** Adds a key with its state, or with `null` that it is gone. */
  add(key: string, state: Uint8Array | null, start = 0, end: number = state?.length ?? 0): void {
    this.#reserve(2 * LONGEST_VARINT + 2 * key.length + end - start)
    this.#writeKey(key)
    if (state === null) {
      this.#bytes[this.#end++] = 0
    } else {
      this.#writeVarint(end - start + 1)
      this.#copy(state, start, end)
    }
    this.#rows++
  }

  /** Adds the row at which `cursor` stands, without decoding it. */
  copyRow(cursor: BlockCursor): void {
    this.#reserve(cursor.rowEnd - cursor.rowStart)
    this.#copy(cursor.bytes, cursor.rowStart, cursor.rowEnd)
    this.#rows++
  }

  /** The block of the rows so far; the builder is empty again. */
  build(): Block {
    const bytes = this.#bytes.slice(0, this.#end)
    const view = new DataView(bytes.buffer)
    bytes[4] = FORMAT
    view.setUint32(5, this.#rows)
    view.setUint32(0, crc32(bytes.subarray(4)))
    const block = { stepId: this.stepId, epoch: this.epoch, rows: this.#rows, bytes }
    this.#rows = 0
    this.#end = HEAD_LENGTH
    if (this.#bytes.length > 4 * FULL_BYTES) this.#bytes = new Uint8Array(FULL_BYTES)
    return block
  }

  /** Latin-1 where every character fits a byte, else UTF-16: exact for any string, one way only. */
  #writeKey(key: string): void {
    const { length } = key
    const start = this.#end
    this.#writeVarint(length * 2)
    let at = this.#end
    for (let index = 0; index < length; index++) {
      const code = key.charCodeAt(index)
      if (code > 0xff) {
        this.#end = start
        this.#writeWideKey(key)
        return
      }
      this.#bytes[at++] = code
    }
    this.#end = at
  }

  #writeWideKey(key: string): void {
    this.#writeVarint(key.length * 2 + 1)
    for (let index = 0; index < key.length; index++) {
      const code = key.charCodeAt(index)
      this.#bytes[this.#end++] = code & 0xff
      this.#bytes[this.#end++] = code >> 8
    }
  }

  #writeVarint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#end++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#bytes[this.#end++] = rest
  }

  #copy(from: Uint8Array, start: number, end: number): void {
    if (end - start > SHORT) {
      this.#bytes.set(from.subarray(start, end), this.#end)
      this.#end += end - start
      return
    }
    let at = this.#end
    for (let index = start; index < end; index++) this.#bytes[at++] = from[index] ?? 0
    this.#end = at
  }

  #reserve(length: number): void {
    if (this.#end + length <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#end + length))
    grown.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = grown
  }
}

/**
 * Walks the rows of a block in place.
 *
 * Making one checks the checksum; every length is checked before it is used.
 */
export class BlockCursor {
  readonly bytes: Buffer
  readonly rows: number
  readonly #stepId: string
  #read = 0
  #at = HEAD_LENGTH

  /** The row, from the head of its key to the end of its state. */
  rowStart = 0
  rowEnd = 0
  /** The key with its head: equal for equal keys. */
  keyEnd = 0
  stateStart = 0
  /** The key is gone; there is no state. */
  tombstone = false
  #keyStart = 0
  #wide = false
  /** All bytes as text, for short keys: cutting one out costs less than a call into the engine. */
  #text: string | null = null

  constructor(block: Pick<Block, 'stepId' | 'bytes'>) {
    const { bytes } = block
    this.#stepId = block.stepId
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (bytes.length < HEAD_LENGTH) throw this.#damaged('it is cut short')
    if (this.bytes.readUInt32BE(0) !== crc32(bytes.subarray(4))) {
      throw this.#damaged('its checksum is wrong')
    }
    if (bytes[4] !== FORMAT) {
      throw new CorruptPartitionError(
        `A block of step ${this.#stepId} has format ${bytes[4]}, this release reads ${FORMAT}: it was ` +
          'written by a newer release. Run that one.',
      )
    }
    this.rows = this.bytes.readUInt32BE(5)
  }

  /** Steps to the next row; false behind the last. */
  next(): boolean {
    if (this.#read === this.rows) {
      if (this.#at !== this.bytes.length) throw this.#damaged('bytes follow its last row')
      return false
    }
    this.#read++
    this.rowStart = this.#at
    const keyHead = this.#varint()
    this.#wide = (keyHead & 1) === 1
    this.#keyStart = this.#at
    this.keyEnd = this.#skip(this.#wide ? keyHead - 1 : keyHead >>> 1)
    const stateHead = this.#varint()
    this.tombstone = stateHead === 0
    this.stateStart = this.#at
    this.rowEnd = this.#skip(this.tombstone ? 0 : stateHead - 1)
    return true
  }

  /** Back before the first row. */
  rewind(): void {
    this.#read = 0
    this.#at = HEAD_LENGTH
  }

  get key(): string {
    if (this.#wide) return this.bytes.toString('utf16le', this.#keyStart, this.keyEnd)
    if (this.keyEnd - this.#keyStart >= SLICED_FROM) {
      return this.bytes.toString('latin1', this.#keyStart, this.keyEnd)
    }
    this.#text ??= this.bytes.toString('latin1')
    return this.#text.substring(this.#keyStart, this.keyEnd)
  }

  /** The state's bytes, inside the block; `null` for a key that is gone. */
  get state(): Uint8Array | null {
    return this.tombstone ? null : this.bytes.subarray(this.stateStart, this.rowEnd)
  }

  #skip(length: number): number {
    const end = this.#at + length
    if (end > this.bytes.length) throw this.#damaged('a row reaches behind its end')
    this.#at = end
    return end
  }

  #varint(): number {
    const first = this.bytes[this.#at]
    if (first !== undefined && first < 0x80) {
      this.#at++
      return first
    }
    return this.#longVarint()
  }

  #longVarint(): number {
    let value = 0
    for (let shift = 0; shift < 7 * LONGEST_VARINT; shift += 7) {
      const byte = this.bytes[this.#at++]
      if (byte === undefined) throw this.#damaged('it ends inside a length')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw this.#damaged('a length has no end')
  }

  #damaged(how: string): CorruptPartitionError {
    return new CorruptPartitionError(
      `A block of step ${this.#stepId} is damaged: ${how}. Restore the recovery directory from a backup.`,
    )
  }
}

/**
 * Calls `visit` with each row of a block: its key and its state, `null` where the key is gone.
 *
 * The state's bytes lie inside the block; they are valid as long as it is.
 *
 * @throws CorruptPartitionError for a block with a single wrong bit.
 */
export const readBlock = (
  block: Pick<Block, 'stepId' | 'bytes'>,
  visit: (key: string, state: Uint8Array | null) => void,
): void => {
  const cursor = new BlockCursor(block)
  while (cursor.next()) visit(cursor.key, cursor.state)
}
