import { createRequire } from 'node:module'
import { RecoveryError } from '../errors/errors.ts'
import { eachCodedClass } from './coded-classes.ts'
import {
  DressedBare,
  DressedMap,
  DressedObject,
  DressedText,
  DressedZero,
  dress,
  undressBare,
  undressMap,
  undressObject,
  undressText,
} from './dress.ts'
import { PLAIN, REFUSED, refusal, survey } from './survey.ts'

/**
 * Packs a state so that it comes back as it was: Map, Set, Date, BigInt, typed arrays, `undefined`,
 * NaN and -0 included. The bytes stand alone, so rows are copied without being decoded.
 *
 * @throws StateRefusedError for a function, a symbol, a class instance or a value inside itself,
 * naming where it lies.
 */
export const encodeState = (value: unknown): Uint8Array => {
  const found = survey(value)
  if (found === PLAIN) return packer().pack(value)
  if (found === REFUSED) {
    const error = refusal(value)
    if (error !== null) throw error
  }
  return packer().pack(dress(value))
}

/** Bytes inside a buffer that the next state overwrites: to be copied at once. */
export interface PackedState {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** As `encodeState`, without an array of its own for each state. */
export const packState = (value: unknown): PackedState => {
  if (typeof value === 'number' && packNumber(value)) return range
  const found = survey(value)
  if (found === PLAIN) return packed(packer().pack(value, REUSE))
  if (found === REFUSED) {
    const error = refusal(value)
    if (error !== null) throw error
  }
  return packed(packer().pack(dress(value), REUSE))
}

/** The longest number: a head and eight bytes. */
const scratch = Buffer.alloc(9)

/** A number in a form that the driver reads; false for -0, which has none. */
const packNumber = (value: number): boolean => {
  range.bytes = scratch
  range.start = 0
  if (value !== (value | 0)) {
    scratch[0] = 0xcb
    scratch.writeDoubleBE(value, 1)
    range.end = 9
  } else if (value >= 0 && value < 0x80) {
    if (Object.is(value, -0)) return false
    scratch[0] = value
    range.end = 1
  } else {
    scratch[0] = 0xd2
    scratch.writeInt32BE(value, 1)
    range.end = 5
  }
  return true
}

/** msgpackr's modes 512, the packer's own buffer is returned, and 1024, it is used again. */
const REUSE = 512 | 1024

type Reused = Uint8Array & { readonly start: number; readonly end: number }

const range: { bytes: Uint8Array; start: number; end: number } = {
  bytes: new Uint8Array(0),
  start: 0,
  end: 0,
}

const packed = (buffer: Uint8Array): PackedState => {
  const reused = buffer as Reused
  range.bytes = reused
  range.start = reused.start
  range.end = reused.end
  return range
}

/**
 * The state that `encodeState` packed into `bytes`, or into a part of them.
 *
 * @throws RecoveryError for bytes that it did not write.
 */
export const decodeState = (bytes: Uint8Array, start = 0, end: number = bytes.length): unknown => {
  if (end - start === 1 && (bytes[start] as number) < 0x80) return bytes[start]
  try {
    return packer().unpack(asBuffer(bytes), { start, end })
  } catch (cause) {
    throw new RecoveryError(
      `The ${end - start} bytes of a snapshot are not a state: the store is damaged, or the step ` +
        'kept its state with another codec.',
      { cause },
    )
  }
}

/**
 * Packs what goes from one worker to another at once, as an array of its own. Shapes that recur in
 * it are written once.
 *
 * @throws StateRefusedError as `encodeState` does.
 */
export const encodeParcel = (value: unknown): Uint8Array => {
  const found = survey(value)
  if (found === REFUSED) {
    const error = refusal(value, 'item')
    if (error !== null) throw error
  }
  // A copy: the packer's buffer is shared by later results, and a parcel may be given away.
  return parceler()
    .pack(found === PLAIN ? value : dress(value))
    .slice()
}

/** What `encodeParcel` packed. */
export const decodeParcel = (bytes: Uint8Array): unknown =>
  parceler().unpack(asBuffer(bytes), { start: 0, end: bytes.length })

/** A part of a Buffer is one, so that a state's own come back as such from any bytes. */
const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

interface Packer {
  pack(value: unknown, mode?: number): Uint8Array
  unpack(bytes: Uint8Array, range: { readonly start: number; readonly end: number }): unknown
}

let loaded: Packer | null = null

/** The driver, loaded for the first state: a flow without recovery never needs it. */
const packer = (): Packer => {
  loaded ??= load()
  return loaded
}

let loadedParceler: Packer | null = null

const parceler = (): Packer => {
  loadedParceler ??= load(true)
  return loadedParceler
}

const load = (useRecords = false): Packer => {
  const { Packr, addExtension }: typeof import('msgpackr') = createRequire(import.meta.url)(
    'msgpackr',
  )
  addExtension({
    Class: DressedMap,
    type: 0x4d,
    write: (dressed: DressedMap) => dressed.entries,
    read: (entries: unknown) => undressMap(asList(entries)),
  })
  addExtension({
    Class: DressedObject,
    type: 0x4f,
    write: (dressed: DressedObject) => dressed.entries,
    read: (entries: unknown) => undressObject(asList(entries)),
  })
  addExtension({
    Class: DressedBare,
    type: 0x4e,
    write: (dressed: DressedBare) => dressed.entries,
    read: (entries: unknown) => undressBare(asList(entries)),
  })
  addExtension({
    Class: DressedText,
    type: 0x57,
    write: (dressed: DressedText) => Buffer.from(dressed.text, 'utf16le'),
    read: undressText,
  })
  addExtension({ Class: DressedZero, type: 0x5a, write: () => 0, read: () => -0 })
  eachCodedClass(({ Class, type, write, read }) =>
    addExtension({ Class: Class as new () => object, type, write, read }),
  )
  return new Packr({
    useRecords,
    variableMapSize: true,
    moreTypes: true,
    copyBuffers: true,
    useToJSON: false,
  })
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
