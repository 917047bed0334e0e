import { crc32 } from 'node:zlib'
import { CorruptPartitionError } from '../errors/errors.ts'

/** A small record with its checksum, which covers its key: found elsewhere, it is damage. */
export const seal = (key: Uint8Array, content: object): Uint8Array => {
  const text = Buffer.from(JSON.stringify(content))
  const record = Buffer.alloc(4 + text.length)
  record.writeUInt32BE(crc32(text, crc32(key)))
  text.copy(record, 4)
  return record
}

/** The content of a sealed record; the caller checks its shape. */
export const unseal = (key: Uint8Array, record: Uint8Array, place: string): unknown => {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.length)
  if (bytes.length < 4 || bytes.readUInt32BE() !== crc32(bytes.subarray(4), crc32(key))) {
    throw damaged(
      place,
      `the checksum of its record ${JSON.stringify(Buffer.from(key).toString('latin1'))} is wrong`,
    )
  }
  return JSON.parse(bytes.toString('utf8', 4))
}

/** The error for a partition at `place` of which something is not as it was written. */
export const damaged = (
  place: string,
  how: string,
  options?: ErrorOptions,
): CorruptPartitionError =>
  new CorruptPartitionError(
    `The recovery partition ${place} is damaged: ${how}. Restore the recovery directory from a backup; ` +
      'to begin anew without its state, remove the directory.',
    options,
  )
