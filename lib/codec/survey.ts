/**
 * What a state may be made of, found out in one walk before it is encoded.
 *
 * The walk touches every value of every row of every snapshot, so it only answers how the value can
 * be encoded; where and why a value is refused is looked up again, by a second walk, once it is.
 */
import { TidemarkError } from '../errors/errors.ts'
import { isCoded } from './coded-classes.ts'

declare global {
  interface String {
    /** No lone surrogates; of ES2024, in Node.js since 20. */
    isWellFormed(): boolean
  }
}

/** Encodes as it is. */
export const PLAIN = 0
/** Holds a value that MessagePack has no word for, so it is dressed first. */
const SPECIAL = 1
/** Holds a value that would not come back as it was. */
export const REFUSED = 2

/** Deeper than this a value is taken for one that contains itself. */
const DEEPEST = 500

/** A state holds something that would not come back from a snapshot as it was. */
export class StateRefusedError extends TidemarkError {
  override readonly code: string = 'TIDEMARK_STATE_REFUSED'
  /** Where in the state it lies, as in `state.handlers[2]`. */
  readonly path: string
  /** What lies there, in words. */
  readonly found: string

  constructor(path: string, found: string) {
    super(
      `${path} is ${found}, which a snapshot cannot keep. Keep plain objects, arrays, Map, Set, ` +
        'Date, BigInt, typed arrays and primitives in the state, or give the step a codec.',
    )
    this.path = path
    this.found = found
  }
}

const typedArrayPrototypes: ReadonlySet<object> = new Set<object>([
  Int8Array.prototype,
  Uint8Array.prototype,
  Uint8ClampedArray.prototype,
  Int16Array.prototype,
  Uint16Array.prototype,
  Int32Array.prototype,
  Uint32Array.prototype,
  Float32Array.prototype,
  Float64Array.prototype,
  BigInt64Array.prototype,
  BigUint64Array.prototype,
  Buffer.prototype,
  ArrayBuffer.prototype,
  DataView.prototype,
])

/** How `value` can be encoded: `PLAIN`, `SPECIAL` or `REFUSED`. */
export const survey = (value: unknown, depth = 0): number => {
  switch (typeof value) {
    case 'number':
      return value === 0 && 1 / value < 0 ? SPECIAL : PLAIN
    case 'string':
      return value.isWellFormed() ? PLAIN : SPECIAL
    case 'object':
      return value === null ? PLAIN : surveyObject(value, depth)
    case 'function':
    case 'symbol':
      return REFUSED
    default:
      return PLAIN
  }
}

const surveyObject = (value: object, depth: number): number => {
  if (depth > DEEPEST) return REFUSED
  const prototype: object | null = Object.getPrototypeOf(value)
  if (prototype === Object.prototype) return surveyRecord(value, depth)
  if (prototype === null) return surveyRecord(value, depth) === REFUSED ? REFUSED : SPECIAL
  if (prototype === Array.prototype) return surveyAll(value as readonly unknown[], depth, PLAIN)
  if (prototype === Date.prototype || typedArrayPrototypes.has(prototype)) return PLAIN
  if (prototype === Set.prototype) return surveyAll(value as Set<unknown>, depth, PLAIN)
  if (prototype === Map.prototype) return surveyMap(value as Map<unknown, unknown>, depth)
  if (isCoded(prototype)) return PLAIN
  return REFUSED
}

const surveyRecord = (value: object, depth: number): number => {
  let found = PLAIN
  for (const key in value) {
    if (key === '__proto__' || !key.isWellFormed()) found |= SPECIAL
    const inner = survey((value as Readonly<Record<string, unknown>>)[key], depth + 1)
    if (inner !== PLAIN) {
      if (inner === REFUSED) return REFUSED
      found |= inner
    }
  }
  return found
}

const surveyAll = (values: Iterable<unknown>, depth: number, start: number): number => {
  let found = start
  for (const value of values) {
    const inner = survey(value, depth + 1)
    if (inner === REFUSED) return REFUSED
    found |= inner
  }
  return found
}

const surveyMap = (map: ReadonlyMap<unknown, unknown>, depth: number): number =>
  surveyAll(map.keys(), depth, SPECIAL) === REFUSED
    ? REFUSED
    : surveyAll(map.values(), depth, SPECIAL)

/** The error for a value that `survey` refused; `null` for one that it did not. */
export const refusal = (value: unknown, path = 'state', depth = 0): StateRefusedError | null => {
  if (survey(value, depth) !== REFUSED) return null
  if (typeof value === 'function') return new StateRefusedError(path, 'a function')
  if (typeof value === 'symbol') return new StateRefusedError(path, 'a symbol')
  if (typeof value !== 'object' || value === null) return null
  if (depth > DEEPEST) {
    return new StateRefusedError(
      shortened(path),
      `nested more than ${DEEPEST} deep, or inside itself`,
    )
  }
  for (const [inner, where] of parts(value, path)) {
    const error = refusal(inner, where, depth + 1)
    if (error !== null) return error
  }
  return new StateRefusedError(path, instanceName(value))
}

const parts = function* (value: object, path: string): Generator<readonly [unknown, string]> {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) yield [value[index], `${path}[${index}]`]
  } else if (value instanceof Map) {
    for (const [key, inner] of value) {
      yield [key, `a key of ${path}`]
      yield [inner, `${path}.get(${typeof key === 'object' ? '…' : String(key)})`]
    }
  } else if (value instanceof Set) {
    for (const inner of value) yield [inner, `a member of ${path}`]
  } else if (isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) yield [inner, `${path}${property(key)}`]
  }
}

const isRecord = (value: object): boolean => {
  const prototype: object | null = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const property = (key: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`

const shortened = (path: string): string => (path.length > 120 ? `${path.slice(0, 120)}…` : path)

const instanceName = (value: object): string => {
  const prototype: { readonly constructor?: unknown } | null = Object.getPrototypeOf(value)
  const maker = prototype?.constructor
  const name = typeof maker === 'function' ? maker.name : ''
  return name === '' ? 'an object with a prototype of its own' : `an instance of ${name}`
}
