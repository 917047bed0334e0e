import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'

/** The kinds of columns of numbers: each takes the fewest bytes a number that a batch allows. */
export const FLOATS: number = 1
export const INTEGERS: number = 2
/** Whole numbers in a byte or two each, which is what most of them need. */
export const BYTES: number = 9
export const SHORTS: number = 10
/** Whole numbers as how far they are above the least: times, and identifiers that count up. */
export const OFFSETS: number = 11

export const writeNumbers = (writer: ByteWriter, values: readonly unknown[]): boolean => {
  let whole = true
  let bits = 0
  for (let at = 0; at < values.length; at++) {
    const value = values[at]
    if (typeof value !== 'number') return false
    // Also tells 0 from -0.
    if (whole && !Object.is(value | 0, value)) whole = false
    bits |= value
  }
  const numbers = values as readonly number[]
  if (!whole) writeWide(writer, numbers)
  else if (bits >>> 8 === 0) writeBytes(writer, numbers)
  else if (bits >>> 16 === 0) writeShorts(writer, numbers)
  else writeIntegers(writer, numbers)
  return true
}

const writeBytes = (writer: ByteWriter, values: readonly number[]): void => {
  writer.u8(BYTES)
  const { buffer, offset } = writer.run(values.length, 1)
  const run = new Uint8Array(buffer, offset, values.length)
  for (let at = 0; at < values.length; at++) run[at] = values[at] as number
}

const writeShorts = (writer: ByteWriter, values: readonly number[]): void => {
  writer.u8(SHORTS)
  const { buffer, offset } = writer.run(values.length, 2)
  const run = new Uint16Array(buffer, offset, values.length)
  for (let at = 0; at < values.length; at++) run[at] = values[at] as number
}

export const writeIntegers = (writer: ByteWriter, values: readonly number[]): void => {
  writer.u8(INTEGERS)
  const { buffer, offset } = writer.run(values.length, 4)
  const run = new Int32Array(buffer, offset, values.length)
  for (let at = 0; at < values.length; at++) run[at] = values[at] as number
}

/** Numbers some of which are no integers of 32 bits. */
const writeWide = (writer: ByteWriter, values: readonly number[]): void => {
  const least = leastOf(values)
  if (least !== null) {
    writeOffsets(writer, values, least)
    return
  }
  writer.u8(FLOATS)
  const { buffer, offset } = writer.run(values.length, 8)
  const run = new Float64Array(buffer, offset, values.length)
  for (let at = 0; at < values.length; at++) run[at] = values[at] as number
}

/** The least of whole numbers that lie close enough to one another for offsets; else `null`. */
const leastOf = (values: readonly number[]): number | null => {
  let least = values[0] as number
  let most = least
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number
    // No zero: it may be the negative one.
    if (!Number.isSafeInteger(value) || value === 0) return null
    if (value < least) least = value
    if (value > most) most = value
  }
  return most - least < 2 ** 32 ? least : null
}

const writeOffsets = (writer: ByteWriter, values: readonly number[], least: number): void => {
  writer.u8(OFFSETS)
  writer.f64(least)
  const { buffer, offset } = writer.run(values.length, 4)
  const run = new Uint32Array(buffer, offset, values.length)
  for (let at = 0; at < values.length; at++) run[at] = (values[at] as number) - least
}

/** Numbers that fit into as many bits as `bits` has. */
export const writeSmall = (writer: ByteWriter, values: Uint16Array, bits: number): void => {
  const count = values.length
  const narrow = bits >>> 8 === 0
  writer.u8(narrow ? BYTES : SHORTS)
  const { buffer, offset } = writer.run(count, narrow ? 1 : 2)
  if (narrow) new Uint8Array(buffer, offset, count).set(values)
  else new Uint16Array(buffer, offset, count).set(values)
}

export const readOffsets = (reader: ByteReader, count: number): Float64Array => {
  const least = reader.f64()
  const offsets = reader.uint32s(count)
  const values = new Float64Array(count)
  for (let at = 0; at < count; at++) values[at] = least + (offsets[at] as number)
  return values
}

/** The numbers of a column that says how wide they are: lengths, or places in a dictionary. */
export const readSmall = (reader: ByteReader, count: number): ArrayLike<number> => {
  const kind = reader.u8()
  if (kind === BYTES) return reader.uint8s(count)
  if (kind === SHORTS) return reader.uint16s(count)
  if (kind === INTEGERS) return reader.uint32s(count)
  throw new RangeError(`there are no lengths of kind ${kind}`)
}
