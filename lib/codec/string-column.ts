import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import { decodeParcel, encodeParcel } from './msgpack.ts'
import { readSmall, writeIntegers, writeSmall } from './number-column.ts'

/** The kinds of columns of text. */
export const LATIN1: number = 3
export const UTF16: number = 4
export const DICTIONARY: number = 5

/** A column of text is a dictionary when a first look finds no more words than this in so many. */
const LOOK = 64
const FEW_WORDS = 24
const MOST_WORDS = 4096
/** From so many characters on a piece of a string keeps the whole alive (V8); shorter ones are copies. */
export const SLICED_FROM: number = 13

export const writeStrings = (writer: ByteWriter, values: readonly unknown[]): boolean => {
  for (const value of values) if (typeof value !== 'string') return false
  const strings = values as readonly string[]
  if (fewWords(strings) && writeDictionary(writer, strings)) return true
  const text = strings.join('')
  const narrow = isNarrow(text)
  writer.u8(narrow ? LATIN1 : UTF16)
  writeLengths(writer, strings)
  if (narrow) writer.latin1(text)
  else writer.utf16(text)
  return true
}

/** Whether every character fits a byte. */
const isNarrow = (text: string): boolean => !/[\u0100-\uffff]/.test(text)

const writeLengths = (writer: ByteWriter, strings: readonly string[]): void => {
  const lengths = scratch(strings.length)
  let bits = 0
  for (let at = 0; at < strings.length; at++) {
    const { length } = strings[at] as string
    lengths[at] = length
    bits |= length
  }
  if (bits >>> 16 === 0) {
    writeSmall(writer, lengths.subarray(0, strings.length), bits)
  } else {
    writeIntegers(
      writer,
      strings.map(({ length }) => length),
    )
  }
}

let room = new Uint16Array(4096)

/** Room for small numbers, good until it is asked for again. */
const scratch = (count: number): Uint16Array => {
  if (count > room.length) room = new Uint16Array(2 * count)
  return room
}

const fewWords = (strings: readonly string[]): boolean => {
  if (strings.length < LOOK) return false
  const words = new Set<string>()
  for (let at = 0; at < LOOK; at++) {
    words.add(strings[at] as string)
    if (words.size > FEW_WORDS) return false
  }
  return true
}

const writeDictionary = (writer: ByteWriter, strings: readonly string[]): boolean => {
  const words = new Map<string, number>()
  const indices = scratch(strings.length)
  for (let at = 0; at < strings.length; at++) {
    const word = strings[at] as string
    let index = words.get(word)
    if (index === undefined) {
      if (words.size === MOST_WORDS) return false
      index = words.size
      words.set(word, index)
    }
    indices[at] = index
  }
  writer.u8(DICTIONARY)
  writer.u32(words.size)
  writeWords(writer, [...words.keys()])
  writeSmall(writer, indices.subarray(0, strings.length), words.size - 1)
  return true
}

export const writeWords = (writer: ByteWriter, words: readonly string[]): void => {
  const parcel = encodeParcel(words)
  writer.u32(parcel.length)
  writer.bytes(parcel)
}

export const readStrings = (reader: ByteReader, count: number, kind: number): string[] => {
  const lengths = readSmall(reader, count)
  let total = 0
  for (let at = 0; at < count; at++) total += lengths[at] as number
  const text = kind === LATIN1 ? reader.latin1(total) : reader.utf16(total)
  const strings = new Array<string>(count)
  let from = 0
  for (let at = 0; at < count; at++) {
    const to = from + (lengths[at] as number)
    strings[at] = to - from < SLICED_FROM ? text.all.substring(from, to) : text.piece(from, to)
    from = to
  }
  return strings
}

export const readWords = (reader: ByteReader): readonly string[] => {
  const words = decodeParcel(reader.bytes(reader.u32()))
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) {
    throw new RangeError('a list of words is none')
  }
  return words
}

export const readDictionary = (reader: ByteReader, count: number): string[] => {
  const size = reader.u32()
  const words = readWords(reader)
  if (words.length !== size) throw new RangeError('a dictionary is not whole')
  const indices = readSmall(reader, count)
  const strings = new Array<string>(count)
  for (let at = 0; at < count; at++) {
    const word = words[indices[at] as number]
    if (word === undefined) throw new RangeError('a word is not in its dictionary')
    strings[at] = word
  }
  return strings
}
