import { crc32 } from 'node:zlib'
import type { KeyRange } from './table.ts'

/**
 * Where a block lies in a partition's log: by step, then from the oldest to the newest.
 *
 * The raw key ends in a checksum over itself and the block's own, so a block is bound to its place.
 */
export interface BlockKey {
  readonly stepId: string
  readonly epoch: number
  readonly execution: number
  /** Counts the blocks of a partition; a later one wins within an epoch. */
  readonly sequence: number
  readonly raw: Uint8Array
}

/** A block with its place. */
export interface StoredBlock {
  readonly key: BlockKey
  readonly bytes: Uint8Array
}

const TAG = 0x62
const TAIL = 8 + 4 + 6 + 4
const TWO_32 = 2 ** 32

export const blockKey = (
  place: {
    readonly stepId: string
    readonly epoch: number
    readonly execution: number
    readonly sequence: number
  },
  block: Uint8Array,
): BlockKey => {
  const head = stepPrefix(place.stepId)
  const raw = Buffer.alloc(head.length + TAIL)
  head.copy(raw)
  writeEpoch(raw, place.epoch, head.length)
  raw.writeUInt32BE(place.execution, head.length + 8)
  raw.writeUIntBE(place.sequence, head.length + 12, 6)
  raw.writeUInt32BE(keyChecksum(raw, block), raw.length - 4)
  return { ...place, raw }
}

/** `null` for a key that no block was stored under. */
export const parseBlockKey = (key: Uint8Array): BlockKey | null => {
  const raw = Buffer.from(key.buffer, key.byteOffset, key.length)
  if (raw.length < 3 + TAIL || raw[0] !== TAG) return null
  const stepEnd = 3 + raw.readUInt16BE(1)
  if (raw.length !== stepEnd + TAIL) return null
  return {
    stepId: raw.toString('utf8', 3, stepEnd),
    epoch: raw.readUInt32BE(stepEnd) * TWO_32 + raw.readUInt32BE(stepEnd + 4),
    execution: raw.readUInt32BE(stepEnd + 8),
    sequence: raw.readUIntBE(stepEnd + 12, 6),
    raw,
  }
}

/** Whether `block` is the one that was stored under this key, and neither has changed. */
export const keyFits = (key: BlockKey, block: Uint8Array): boolean =>
  storedChecksum(key) === keyChecksum(key.raw, block)

/** The checksum inside the key: it stands for the block in the manifest's sum. */
export const storedChecksum = (key: BlockKey): number => {
  const { raw } = key
  return new DataView(raw.buffer, raw.byteOffset, raw.length).getUint32(raw.length - 4)
}

export const allBlocks: KeyRange = { from: Buffer.from([TAG]), below: Buffer.from([TAG + 1]) }

/** The blocks of one step before an epoch. */
export const blocksBefore = (stepId: string, epoch: number): KeyRange => {
  const from = stepPrefix(stepId)
  const below = Buffer.alloc(from.length + 8)
  from.copy(below)
  writeEpoch(below, epoch, from.length)
  return { from, below }
}

/** All blocks of one step. */
export const blocksOf = (stepId: string): KeyRange => {
  const from = stepPrefix(stepId)
  return { from, below: Buffer.concat([from, Buffer.alloc(8, 0xff)]) }
}

const stepPrefix = (stepId: string): Buffer => {
  const text = Buffer.from(stepId)
  const prefix = Buffer.alloc(3 + text.length)
  prefix[0] = TAG
  prefix.writeUInt16BE(text.length, 1)
  text.copy(prefix, 3)
  return prefix
}

const writeEpoch = (raw: Buffer, epoch: number, at: number): void => {
  raw.writeUInt32BE(Math.floor(epoch / TWO_32), at)
  raw.writeUInt32BE(epoch % TWO_32, at + 4)
}

/** Over the place and the block's first bytes, which are its own checksum. */
const keyChecksum = (raw: Uint8Array, block: Uint8Array): number =>
  crc32(block.subarray(0, 4), crc32(raw.subarray(0, raw.length - 4)))
