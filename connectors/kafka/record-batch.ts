/** Batches of records in Kafka's format 2 (https://kafka.apache.org/documentation/#recordbatch). */

import { Bytes, varintSize } from './bytes.ts'
import type { StoredRecord } from './cluster.ts'
import { COMPRESSIONS, type Compression, compress, decompress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import type { KafkaRecord } from './message.ts'

/** Bytes from a batch's start to its length's end, to its checksum's end, and to its first record. */
const PREFIX = 12
const CHECKED = 21
const HEADER = 61
const TRANSACTIONAL = 16
const CONTROL = 32
const LOG_APPEND_TIME = 8

/** Who wrote a batch; of no transaction and no idempotent producer, -1. */
export interface BatchProducer {
  readonly id: bigint
  readonly epoch: number
  readonly sequence: number
  readonly transactional: boolean
}

/** A batch as it lies in a partition; its records are not looked at yet. */
export interface RawBatch {
  readonly baseOffset: bigint
  /** Behind its last record, though it may be compacted away. */
  readonly nextOffset: bigint
  readonly attributes: number
  readonly producerId: bigint
  readonly transactional: boolean
  /** Of a control batch, what it says of its producer's transaction. */
  readonly control: 'commit' | 'abort' | 'other' | null
  readonly bytes: Buffer
}

/** Bytes that are no batch, and where they lie. */
export class UnreadableBatch extends Error {
  readonly offset: bigint
  readonly bytes: Buffer

  constructor(
    message: string,
    batch: { readonly offset: bigint; readonly bytes: Buffer; readonly cause?: unknown },
  ) {
    super(message, { cause: batch.cause })
    this.offset = batch.offset
    this.bytes = batch.bytes
  }
}

/**
 * The whole batches at the start of what a broker gave; the last may be cut off.
 *
 * @throws UnreadableBatch at the first that is damaged; `seen` has those before it
 */
export const splitBatches = (bytes: Buffer, seen: RawBatch[]): void => {
  let at = 0
  while (at + PREFIX <= bytes.length) {
    const length = bytes.readInt32BE(at + 8)
    const end = at + PREFIX + length
    if (length > 0 && end > bytes.length) return
    const offset = bytes.readBigInt64BE(at)
    if (length < HEADER - PREFIX) {
      throw new UnreadableBatch('its length is wrong', { offset, bytes: bytes.subarray(at) })
    }
    seen.push(readHeader(bytes.subarray(at, end), offset))
    at = end
  }
}

const readHeader = (bytes: Buffer, baseOffset: bigint): RawBatch => {
  const fail = (message: string) => new UnreadableBatch(message, { offset: baseOffset, bytes })
  const magic = bytes.readInt8(16)
  if (magic !== 2) throw fail(`its format is ${magic}, of brokers before 0.11`)
  if (crc32c(bytes.subarray(CHECKED)) !== bytes.readUInt32BE(17)) {
    throw fail('its checksum is wrong')
  }
  const attributes = bytes.readInt16BE(21)
  return {
    baseOffset,
    nextOffset: baseOffset + BigInt(bytes.readInt32BE(23)) + 1n,
    attributes,
    producerId: bytes.readBigInt64BE(43),
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) === 0 ? null : controlOf(bytes),
    bytes,
  }
}

const CONTROLS = ['abort', 'commit'] as const

/** The key of a control record is its version and its type, two bytes each. */
const controlOf = (bytes: Buffer): 'commit' | 'abort' | 'other' => {
  const key = readRecords(bytes.subarray(HEADER), { count: 1, baseOffset: 0n, time: () => 0 })[0]
    ?.key
  const type = key !== null && key !== undefined && key.length >= 4 ? key.readInt16BE(2) : -1
  return CONTROLS[type] ?? 'other'
}

/**
 * The records of a batch, unpacked and copied: one that is kept does not keep its batch.
 *
 * @throws UnreadableBatch when they are damaged, or packed in a way that is not known here
 */
export const recordsOf = (batch: RawBatch): readonly StoredRecord[] => {
  const { bytes, attributes, baseOffset } = batch
  const count = bytes.readInt32BE(57)
  const base = Number(bytes.readBigInt64BE(27))
  const appended = Number(bytes.readBigInt64BE(35))
  const time =
    (attributes & LOG_APPEND_TIME) !== 0 ? () => appended : (delta: number) => base + delta
  try {
    const compression = COMPRESSIONS[attributes & 7]
    if (compression === undefined) throw new RangeError(`compression ${attributes & 7} is unknown`)
    const payload = decompress(bytes.subarray(HEADER), compression)
    return readRecords(payload, { count, baseOffset, time })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new UnreadableBatch(message, { offset: baseOffset, bytes, cause })
  }
}

const readRecords = (
  payload: Buffer,
  facts: {
    readonly count: number
    readonly baseOffset: bigint
    readonly time: (delta: number) => number
  },
): StoredRecord[] => {
  const reader = new VarintReader(payload)
  const records: StoredRecord[] = []
  for (let nth = 0; nth < facts.count; nth += 1) {
    const length = reader.varint()
    const end = reader.at + length
    if (length < 0 || end > payload.length) throw new RangeError('a record is cut off')
    reader.at += 1
    const timestamp = facts.time(reader.varint())
    const offset = facts.baseOffset + BigInt(reader.varint())
    const key = reader.bytes()
    const value = reader.bytes()
    records.push({ offset, timestamp, key, value, headers: readHeaders(reader) })
    reader.at = end
  }
  return records
}

const NO_HEADERS: KafkaRecord['headers'] = []

const readHeaders = (reader: VarintReader): KafkaRecord['headers'] => {
  const count = reader.varint()
  if (count === 0) return NO_HEADERS
  const headers: (readonly [string, Buffer])[] = []
  for (let nth = 0; nth < count; nth += 1) {
    const name = reader.bytes()?.toString() ?? ''
    headers.push([name, reader.bytes() ?? Buffer.alloc(0)])
  }
  return headers
}

class VarintReader {
  at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  varint(): number {
    let rest = 0
    let scale = 1
    for (;;) {
      const byte = this.#bytes[this.at]
      if (byte === undefined || scale > 2 ** 56) throw new RangeError('a number is cut off')
      this.at += 1
      rest += (byte & 0x7f) * scale
      if (byte < 0x80) break
      scale *= 0x80
    }
    return rest % 2 === 0 ? rest / 2 : -(rest + 1) / 2
  }

  bytes(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    const end = this.at + length
    if (end > this.#bytes.length) throw new RangeError('a field is cut off')
    const bytes = Buffer.from(this.#bytes.subarray(this.at, end))
    this.at = end
    return bytes
  }
}

/** One batch of records, ready to be sent. */
export const encodeBatch = (
  records: readonly KafkaRecord[],
  options: { readonly producer: BatchProducer; readonly compression: Compression },
): Buffer => {
  const { producer, compression } = options
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  for (const { timestamp } of records) {
    first = Math.min(first, timestamp)
    last = Math.max(last, timestamp)
  }
  const body = new Bytes(64 * records.length)
  records.forEach((record, at) => {
    writeRecord(body, record, { timestamp: record.timestamp - first, offset: at })
  })
  const out = new Bytes(HEADER + body.length)
  out.int64(0n)
  out.int32(0)
  out.int32(-1)
  out.int8(2)
  out.int32(0)
  out.int16((producer.transactional ? TRANSACTIONAL : 0) | COMPRESSIONS.indexOf(compression))
  out.int32(records.length - 1)
  out.int64(BigInt(first))
  out.int64(BigInt(last))
  out.int64(producer.id)
  out.int16(producer.epoch)
  out.int32(producer.sequence)
  out.int32(records.length)
  out.bytes(compress(body.taken(), compression))
  out.setInt32(8, out.length - PREFIX)
  out.setInt32(17, crc32c(out.since(CHECKED)))
  return out.taken()
}

const writeRecord = (
  out: Bytes,
  { key, value, headers }: KafkaRecord,
  delta: { readonly timestamp: number; readonly offset: number },
): void => {
  let length = 1 + varintSize(delta.timestamp) + varintSize(delta.offset)
  length += fieldSize(key) + fieldSize(value) + varintSize(headers.length)
  const names = headers.map(([name]) => Buffer.from(name))
  headers.forEach(([, bytes], at) => {
    length += fieldSize(names[at] ?? null) + fieldSize(bytes)
  })
  out.varint(length)
  out.int8(0)
  out.varint(delta.timestamp)
  out.varint(delta.offset)
  writeField(out, key)
  writeField(out, value)
  out.varint(headers.length)
  headers.forEach(([, bytes], at) => {
    writeField(out, names[at] ?? null)
    writeField(out, bytes)
  })
}

const fieldSize = (field: Buffer | null): number =>
  field === null ? varintSize(-1) : varintSize(field.length) + field.length

const writeField = (out: Bytes, field: Buffer | null): void => {
  if (field === null) return out.varint(-1)
  out.varint(field.length)
  out.bytes(field)
}

/** Bytes that a record takes in a batch, at most. */
export const sizeOf = ({ key, value, headers }: KafkaRecord): number => {
  let size = 32 + (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, bytes] of headers) size += 20 + 3 * name.length + bytes.length
  return size
}
