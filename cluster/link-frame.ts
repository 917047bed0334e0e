/**
 * A link's datagram: a header, then a piece of the stream of bytes from one end to the other.
 *
 *     0  'T' 'M'      3  kind      8  execution (float64)      32  at  (float64)
 *     2  version      4  from u16  16 token, 16 bytes          40  ack (float64)
 *                     6  to   u16                              48  the piece
 *
 * `at` is where in the stream the piece begins, `ack` how much of the other direction has arrived
 * without a gap. A GAP's piece is one float64: where what has arrived beyond the gap begins. A BEAT's
 * is two: the sender's time, and the newest time of the receiver's that the sender has heard.
 */
export const HEADER: number = 48
export const DATA: number = 0
export const ACK: number = 1
export const GAP: number = 2
export const BEAT: number = 3

const VERSION = 1
const T = 0x54
const M = 0x4d

/** Which link a frame belongs to, as seen by its sender. */
export interface LinkIdentity {
  readonly execution: number
  /** 16 random bytes that only members of the execution know. */
  readonly token: Uint8Array
  readonly from: number
  readonly to: number
}

export interface LinkFrame {
  readonly kind: number
  readonly at: number
  readonly ack: number
  readonly piece: Uint8Array
}

/** Why a datagram is no frame of this link: not one at all, or one of another execution. */
export type Refusal = 'malformed' | 'foreign'

/** A frame with room for a piece of `length` bytes, to be filled in behind the header. */
export const makeFrame = (
  identity: LinkIdentity,
  fields: { readonly kind: number; readonly at: number; readonly ack: number },
  length: number,
): Uint8Array => {
  const bytes = new Uint8Array(HEADER + length)
  const view = new DataView(bytes.buffer)
  bytes[0] = T
  bytes[1] = M
  bytes[2] = VERSION
  bytes[3] = fields.kind
  view.setUint16(4, identity.from)
  view.setUint16(6, identity.to)
  view.setFloat64(8, identity.execution)
  bytes.set(identity.token, 16)
  view.setFloat64(32, fields.at)
  view.setFloat64(40, fields.ack)
  return bytes
}

/** Reads what came from the other end of the link that `own` names from this end. */
export const readFrame = (bytes: Uint8Array, own: LinkIdentity): LinkFrame | Refusal => {
  if (bytes.length < HEADER || bytes[0] !== T || bytes[1] !== M || bytes[2] !== VERSION) {
    return 'malformed'
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kind = bytes[3] as number
  if (view.getFloat64(8) !== own.execution || !hasToken(bytes, own.token)) return 'foreign'
  if (view.getUint16(4) !== own.to || view.getUint16(6) !== own.from) return 'foreign'
  const at = view.getFloat64(32)
  const ack = view.getFloat64(40)
  const piece = bytes.subarray(HEADER)
  const whole = isOffset(at) && isOffset(ack) && isOffset(at + piece.length)
  return whole && fits(kind, piece) ? { kind, at, ack, piece } : 'malformed'
}

/** Where the gap ends that a GAP frame tells of. */
export const gapEnd = ({ piece }: LinkFrame): number =>
  new DataView(piece.buffer, piece.byteOffset, piece.byteLength).getFloat64(0)

/** The times of a BEAT frame. */
export const beatTimes = ({
  piece,
}: LinkFrame): { readonly own: number; readonly heard: number } => {
  const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength)
  return { own: view.getFloat64(0), heard: view.getFloat64(8) }
}

const hasToken = (bytes: Uint8Array, token: Uint8Array): boolean => {
  for (let at = 0; at < 16; at++) if (bytes[16 + at] !== token[at]) return false
  return true
}

const fits = (kind: number, piece: Uint8Array): boolean => {
  if (kind === DATA) return piece.length > 0
  if (kind === ACK) return piece.length === 0
  if (kind === BEAT) return piece.length === 16 && isTimes(piece)
  if (kind !== GAP || piece.length !== 8) return false
  return isOffset(new DataView(piece.buffer, piece.byteOffset, 8).getFloat64(0))
}

const isTimes = (piece: Uint8Array): boolean => {
  const view = new DataView(piece.buffer, piece.byteOffset, 16)
  return isTime(view.getFloat64(0)) && isTime(view.getFloat64(8))
}

const isTime = (value: number): boolean => Number.isFinite(value) && value >= 0
const isOffset = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
