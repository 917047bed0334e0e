/**
 * Values that MessagePack has no word for, each wrapped in a class that the codec has an extension
 * for: a Map (beside plain objects, which are MessagePack's maps), -0, text with lone surrogates,
 * an own property called `__proto__`, an object without a prototype.
 */

import { isCoded } from './coded-classes.ts'

/** A Map, as a flat list of keys and values. */
export class DressedMap {
  readonly entries: readonly unknown[]

  constructor(entries: readonly unknown[]) {
    this.entries = entries
  }
}

/** A plain object with keys that the plain encoding cannot keep, as a flat list. */
export class DressedObject {
  readonly entries: readonly unknown[]

  constructor(entries: readonly unknown[]) {
    this.entries = entries
  }
}

/** An object without a prototype, as a flat list: in one with a prototype every word is a key. */
export class DressedBare {
  readonly entries: readonly unknown[]

  constructor(entries: readonly unknown[]) {
    this.entries = entries
  }
}

/** Text with lone surrogates, which UTF-8 cannot keep. */
export class DressedText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** The number -0. */
export class DressedZero {
  readonly sign = -1
}

const NEGATIVE_ZERO = new DressedZero()

/** A copy of a surveyed value in which everything special is wrapped. */
export const dress = (value: unknown): unknown => {
  if (typeof value === 'string') return value.isWellFormed() ? value : new DressedText(value)
  if (typeof value === 'number') return Object.is(value, -0) ? NEGATIVE_ZERO : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(dress)
  if (value instanceof Map) return new DressedMap(flat(value))
  if (value instanceof Set) return new Set([...value].map(dress))
  if (value instanceof Date || value instanceof ArrayBuffer || ArrayBuffer.isView(value))
    return value
  const prototype: object | null = Object.getPrototypeOf(value)
  if (prototype === null) return new DressedBare(flat(Object.entries(value)))
  return isCoded(prototype) ? value : dressObject(value)
}

const flat = (entries: Iterable<readonly [unknown, unknown]>): unknown[] => {
  const list: unknown[] = []
  for (const [key, value] of entries) list.push(dress(key), dress(value))
  return list
}

const dressObject = (value: object): unknown => {
  const entries = Object.entries(value)
  const keysAreSafe = entries.every(([key]) => key !== '__proto__' && key.isWellFormed())
  return keysAreSafe
    ? Object.fromEntries(entries.map(([key, inner]) => [key, dress(inner)]))
    : new DressedObject(flat(entries))
}

export const undressMap = (entries: readonly unknown[]): Map<unknown, unknown> => {
  const map = new Map<unknown, unknown>()
  for (let index = 0; index + 1 < entries.length; index += 2)
    map.set(entries[index], entries[index + 1])
  return map
}

/** Defines its properties, so one called `__proto__` is data and never a prototype. */
export const undressObject = (entries: readonly unknown[], object: object = {}): object => {
  for (let index = 0; index + 1 < entries.length; index += 2) {
    Object.defineProperty(object, String(entries[index]), {
      value: entries[index + 1],
      configurable: true,
      enumerable: true,
      writable: true,
    })
  }
  return object
}

export const undressBare = (entries: readonly unknown[]): object =>
  undressObject(entries, Object.create(null) as object)

/** A driver that was given a plain array of bytes gives its parts as such. */
export const undressText = (bytes: unknown): string =>
  bytes instanceof Uint8Array
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf16le')
    : ''
