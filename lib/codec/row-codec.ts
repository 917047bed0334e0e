import { RecoveryError } from '../errors/errors.ts'
import { decodeState, encodeState, type PackedState, packState } from './msgpack.ts'
import { MISS, ShapeReader } from './shape-reader.ts'
import { ShapeWriter } from './shape-writer.ts'

/** How one step turns its state into bytes and back. */
export interface StateCodec<S> {
  encode(state: S): Uint8Array
  decode(bytes: Uint8Array): S
}

/** How a step keeps its state, and how it takes over what an earlier release kept. */
export interface RowFormat<S> {
  /** Instead of the built-in codec, for states that hold more than plain data. */
  readonly codec?: StateCodec<S> | undefined
  /** A whole number that grows when the shape of the state changes; 0 unless given. */
  readonly version?: number | undefined
  /** Turns a state that an older version kept into one of this version. */
  readonly migrate?: ((state: unknown, fromVersion: number) => S) | undefined
}

/** The bytes of one state in a row, its version included. */
export interface RowCodec<S> {
  encode(state: S): Uint8Array
  /** As `encode`, into a buffer that the next call overwrites: for rows that go straight to a block. */
  pack(state: S): PackedState
  /** The state that fills `bytes`, or the part of them from `start` to `end`. */
  decode(bytes: Uint8Array, start?: number, end?: number): S
}

/** Never begins a MessagePack value, so a row without a head is version 0 of the built-in codec. */
const HEAD = 0xc1
const HEAD_LENGTH = 6
const BUILT_IN = 0
const OWN = 1

/**
 * A codec for the rows of one step.
 *
 * `decode` applies `migrate` to a row of an older version, and throws a RecoveryError for one of a
 * newer version, or of an older version without `migrate`.
 */
export const rowCodec = <S>(format: RowFormat<S> = {}): RowCodec<S> => {
  const { codec, version = 0, migrate } = format
  const shapes = new ShapeReader()

  const current = (state: unknown, from: number): S => {
    if (from === version) return state as S
    if (from > version) throw new RecoveryError(newer(from, version))
    if (migrate === undefined) throw new RecoveryError(unmigrated(from, version))
    const migrated = migrate(state, from)
    if (migrated instanceof Promise) throw new RecoveryError(PROMISED)
    return migrated
  }

  const decode = (bytes: Uint8Array, start = 0, end: number = bytes.length): S => {
    if (bytes[start] === HEAD) return decodeHeaded(bytes.subarray(start, end))
    return current(decodePlain(bytes, start, end), 0)
  }

  const decodePlain = (bytes: Uint8Array, start: number, end: number): unknown => {
    const read = shapes.read(bytes, start, end)
    if (read !== MISS) return read
    const state = decodeState(bytes, start, end)
    shapes.learn(state)
    return state
  }

  const decodeHeaded = (bytes: Uint8Array): S => {
    if (bytes.length < HEAD_LENGTH) throw new RecoveryError(TORN)
    const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(2)
    if (bytes[1] === BUILT_IN) return current(decodePlain(bytes, HEAD_LENGTH, bytes.length), from)
    if (from > version) throw new RecoveryError(newer(from, version))
    if (codec === undefined) throw new RecoveryError(CODEC_GONE)
    return current(codec.decode(bytes.subarray(HEAD_LENGTH)), from)
  }

  if (codec === undefined && version === 0) {
    return { encode: encodeState, pack: packerOf(new ShapeWriter()), decode }
  }
  const kind = codec === undefined ? BUILT_IN : OWN
  const body = codec === undefined ? encodeState : (state: S) => bytesOf(codec.encode(state))
  const encode = (state: S) => headed(kind, version, body(state))
  return { encode, pack: (state) => whole(encode(state)), decode }
}

const packerOf =
  (shapes: ShapeWriter) =>
  (state: unknown): PackedState =>
    (typeof state === 'object' && state !== null ? shapes.write(state) : null) ?? packState(state)

/** What a codec gives is not checked by types where a flow is plain JavaScript. */
const bytesOf = (encoded: unknown): Uint8Array => {
  if (encoded instanceof Uint8Array) return encoded
  const found = encoded instanceof Promise ? 'a promise' : `${typeof encoded}`
  throw new RecoveryError(
    `The codec's encode gave ${encoded === null ? 'null' : found}; it has to give a Uint8Array, at once.`,
  )
}

const whole = (bytes: Uint8Array): PackedState => ({ bytes, start: 0, end: bytes.length })

const headed = (kind: number, version: number, state: Uint8Array): Uint8Array => {
  const row = new Uint8Array(HEAD_LENGTH + state.length)
  row[0] = HEAD
  row[1] = kind
  new DataView(row.buffer).setUint32(2, version)
  row.set(state, HEAD_LENGTH)
  return row
}

const newer = (from: number, version: number): string =>
  `The store holds state of version ${from}, the step is at version ${version}: it was written by a ` +
  'newer release of the flow. Run that release, or resume from a store of this one.'

const unmigrated = (from: number, version: number): string =>
  `The store holds state of version ${from}, the step is at version ${version} and has no migrate. ` +
  'Give the step `migrate: (state, fromVersion) => …`.'

const CODEC_GONE =
  'The store holds state that the step wrote with a codec of its own, and the step has none now. ' +
  'Give it the codec again; to leave it, raise the version and migrate.'

const PROMISED =
  'Its migrate gave a promise: a state is migrated at once, while it is loaded. Make migrate a plain function.'

const TORN = 'The row of a state is cut short: the store is damaged.'
