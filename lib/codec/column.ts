import { compile } from '../runtime/compile.ts'
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import { decodeParcel, encodeParcel } from './msgpack.ts'
import {
  BYTES,
  FLOATS,
  INTEGERS,
  OFFSETS,
  readOffsets,
  SHORTS,
  writeNumbers,
} from './number-column.ts'
import {
  DICTIONARY,
  LATIN1,
  readDictionary,
  readStrings,
  readWords,
  UTF16,
  writeStrings,
  writeWords,
} from './string-column.ts'

/**
 * A batch of values as columns: one run of numbers or text for each field, which costs a third of
 * what one value after the other does. What does not fit any column goes as a parcel.
 *
 * C1. What comes out is deeply equal to what went in; -0 and NaN included.
 * C2. No string that comes out keeps a whole frame alive: short ones are copies by themselves (V8
 *     slices from 13 characters on), longer ones are made one by one.
 * C3. Names of fields become code only if they are identifiers, and never `__proto__`.
 */

const PARCEL = 0
const OBJECTS = 6
const TUPLES = 7
const BOOLEANS = 8

/** Fewer values than this are not worth columns. */
const FEWEST = 8
/** A batch of more values than this is not one of ours. */
export const MOST_VALUES: number = 1 << 22
const MOST_FIELDS = 64
const DEEPEST = 4

export const writeColumn = (writer: ByteWriter, values: readonly unknown[], depth = 0): void => {
  if (values.length >= FEWEST && depth < DEEPEST) {
    if (writeTyped(writer, values, depth)) return
  }
  const parcel = encodeParcel(values)
  writer.u8(PARCEL)
  writer.u32(parcel.length)
  writer.bytes(parcel)
}

/** Reads a column of `count` values. */
export const readColumn = (reader: ByteReader, count: number): unknown[] => {
  const column = readAny(reader, count, 0)
  if (Array.isArray(column)) return column
  const values = new Array<unknown>(count)
  for (let at = 0; at < count; at++) values[at] = column[at]
  return values
}

/** Runs of numbers stay where they lie: fields of objects are read out of them. */
const readAny = (reader: ByteReader, count: number, depth: number): ArrayLike<unknown> => {
  if (depth > DEEPEST || count > MOST_VALUES) throw new RangeError('columns within columns')
  const kind = reader.u8()
  switch (kind) {
    case PARCEL:
      return readParcel(reader, count)
    case FLOATS:
      return reader.float64s(count)
    case INTEGERS:
      return reader.int32s(count)
    case BYTES:
      return reader.uint8s(count)
    case SHORTS:
      return reader.uint16s(count)
    case OFFSETS:
      return readOffsets(reader, count)
    case LATIN1:
    case UTF16:
      return readStrings(reader, count, kind)
    case DICTIONARY:
      return readDictionary(reader, count)
    case BOOLEANS:
      return Array.from(reader.uint8s(count), (bit) => bit === 1)
    case OBJECTS:
      return readObjects(reader, count, depth)
    case TUPLES:
      return readTuples(reader, count, depth)
    default:
      throw new RangeError(`there is no column of kind ${kind}`)
  }
}

const writeTyped = (writer: ByteWriter, values: readonly unknown[], depth: number): boolean => {
  const first = values[0]
  if (typeof first === 'number') return writeNumbers(writer, values)
  if (typeof first === 'string') return writeStrings(writer, values)
  if (typeof first === 'boolean') return writeBooleans(writer, values)
  if (typeof first !== 'object') return false
  return Array.isArray(first)
    ? writeTuples(writer, values, depth)
    : writeObjects(writer, values, depth)
}

const writeBooleans = (writer: ByteWriter, values: readonly unknown[]): boolean => {
  for (const value of values) if (typeof value !== 'boolean') return false
  writer.u8(BOOLEANS)
  const { buffer, offset } = writer.run(values.length, 1)
  const run = new Uint8Array(buffer, offset, values.length)
  for (let at = 0; at < values.length; at++) run[at] = values[at] === true ? 1 : 0
  return true
}

const writeTuples = (writer: ByteWriter, values: readonly unknown[], depth: number): boolean => {
  const width = (values[0] as readonly unknown[]).length
  if (width === 0 || width > MOST_FIELDS) return false
  for (const value of values) {
    if (!Array.isArray(value) || value.length !== width || Object.keys(value).length !== width)
      return false
  }
  writer.u8(TUPLES)
  writer.u8(width)
  const column = new Array<unknown>(values.length)
  for (let field = 0; field < width; field++) {
    for (let at = 0; at < values.length; at++)
      column[at] = (values[at] as readonly unknown[])[field]
    writeColumn(writer, column, depth + 1)
  }
  return true
}

const writeObjects = (writer: ByteWriter, values: readonly unknown[], depth: number): boolean => {
  const first = values[0]
  if (first === null || Object.getPrototypeOf(first) !== Object.prototype) return false
  const names = Object.keys(first as object)
  if (names.length === 0 || names.length > MOST_FIELDS || !names.every(isName)) return false
  if (Object.getOwnPropertySymbols(first as object).length > 0) return false
  for (const value of values) if (!hasShape(value, names)) return false
  writer.u8(OBJECTS)
  writer.u8(names.length)
  writeWords(writer, names)
  const shape = shapeOf(names)
  const column = new Array<unknown>(values.length)
  for (let field = 0; field < names.length; field++) {
    shape.read(values, column, field)
    writeColumn(writer, column, depth + 1)
  }
  return true
}

const hasShape = (value: unknown, names: readonly string[]): boolean => {
  if (typeof value !== 'object' || value === null) return false
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  let at = 0
  for (const name in value) {
    if (name !== names[at]) return false
    at += 1
  }
  return at === names.length
}

const readParcel = (reader: ByteReader, count: number): unknown[] => {
  const values = decodeParcel(reader.bytes(reader.u32()))
  if (!Array.isArray(values) || values.length !== count) {
    throw new RangeError(`a parcel should hold ${count} values`)
  }
  return values
}

const readTuples = (reader: ByteReader, count: number, depth: number): unknown[] => {
  const width = reader.u8()
  if (width > MOST_FIELDS) throw new RangeError('a tuple is too wide')
  const columns = Array.from({ length: width }, () => readAny(reader, count, depth + 1))
  const tuples = new Array<unknown[]>(count)
  for (let at = 0; at < count; at++) {
    const tuple = new Array<unknown>(width)
    for (let field = 0; field < width; field++)
      tuple[field] = (columns[field] as ArrayLike<unknown>)[at]
    tuples[at] = tuple
  }
  return tuples
}

const readObjects = (reader: ByteReader, count: number, depth: number): unknown[] => {
  const width = reader.u8()
  const names = readWords(reader)
  if (width > MOST_FIELDS || names.length !== width || !names.every(isName)) {
    throw new RangeError('the names of fields are none')
  }
  const columns = names.map(() => readAny(reader, count, depth + 1))
  return shapeOf(names).build(columns, count)
}

/** Code for objects of one shape. */
interface Shape {
  /** Copies one field of all values. */
  read(values: readonly unknown[], column: unknown[], field: number): void
  build(columns: readonly ArrayLike<unknown>[], count: number): unknown[]
}

const isName = (name: string): boolean => /^[A-Za-z_$][\w$]*$/.test(name) && name !== '__proto__'

const MOST_SHAPES = 256
const shapes = new Map<string, Shape>()

const shapeOf = (names: readonly string[]): Shape => {
  const id = names.join(',')
  let shape = shapes.get(id)
  if (shape === undefined) {
    if (shapes.size === MOST_SHAPES) shapes.clear()
    shape = compileShape(names) ?? plainShape(names)
    shapes.set(id, shape)
  }
  return shape
}

const compileShape = (names: readonly string[]): Shape | undefined => {
  const readers = names.map(
    (name) => `(v, c) => { for (let i = 0; i < v.length; i++) c[i] = v[i].${name} }`,
  )
  const columns = names.map((_, at) => `const c${at} = columns[${at}]`).join('; ')
  const fields = names.map((name, at) => `${name}: c${at}[i]`).join(', ')
  return compile<Shape>(
    `const readers = [${readers.join(', ')}]
return {
  read: (values, column, field) => readers[field](values, column),
  build: (columns, count) => {
    ${columns}
    const out = new Array(count)
    for (let i = 0; i < count; i++) out[i] = { ${fields} }
    return out
  },
}`,
    'shape',
  )
}

const plainShape = (names: readonly string[]): Shape => ({
  read: (values, column, field) => {
    const name = names[field] as string
    for (let at = 0; at < values.length; at++) {
      column[at] = (values[at] as Readonly<Record<string, unknown>>)[name]
    }
  },
  build: (columns, count) =>
    Array.from({ length: count }, (_, at) => {
      const value: Record<string, unknown> = {}
      names.forEach((name, field) => {
        value[name] = columns[field]?.[at]
      })
      return value
    }),
})
