import { crc32 } from 'node:zlib'
import { CorruptPartitionError, RecoveryError } from '../errors/errors.ts'
import { keyFits, parseBlockKey, type StoredBlock } from './block-key.ts'
import type { ExecutionRecord } from './store.ts'

/**
 * An object of an archive: a step in the history of one partition.
 *
 * O1. Its checksum covers all of it, its header says which place in which log it is for, and each block in it
 *     is bound to its own key as in the partition.
 * O2. Its entries continue those of the object before, unless numbers were left out: then nothing
 *     connects the two.
 */
export interface ArchiveHeader {
  readonly store: string
  readonly index: number
  readonly count: number
  /** Its place in the log. */
  readonly sequence: number
  /**
   * `begin`: an execution begins. `delta`: what epochs changed. `image`: a part of all there is.
   * `end`: an execution was closed with everything in the archive.
   */
  readonly kind: 'begin' | 'delta' | 'image' | 'end'
  readonly flowId: string
  /** The execution that wrote it, and the epoch that it began with. */
  readonly execution: number
  readonly resumeEpoch: number
  /** The first and the last entry in it; where it has none, the first is behind the last. */
  readonly first: number
  readonly last: number
  /** The frontier behind it. */
  readonly to: number
  /** Which part of an image it is. */
  readonly image: ImagePart | null
  /** The executions that the partition knows, in a `begin` and at the end of an image. */
  readonly executions: readonly ExecutionRecord[] | null
  /** Of an image: rows superseded before this epoch may be missing. */
  readonly collected: number
  readonly chain: Chain
  /** Nothing was committed that is not in the archive up to here. */
  readonly certain: boolean
}

interface ImagePart {
  /** The sequence of the first part. */
  readonly first: number
  readonly part: number
  /** Whether it is the last. */
  readonly whole: boolean
  /** The last entry that is in the image, and the frontier behind that. */
  readonly covers: number
  readonly to: number
}

/** What leads to an object: so that whoever goes on with a log has to read one object alone. */
export interface Chain {
  /**
   * The newest complete images, oldest first, at most two: their first objects, and up to where what
   * was superseded may be missing in them. An execution that began with nothing is one, too.
   */
  readonly images: readonly (readonly [first: number, collected: number])[]
  /** Whether this object can be reached from the newest of them. */
  readonly connected: boolean
  /** Objects, executions and bytes since the newest image, and that one's own bytes. */
  readonly objects: number
  readonly begins: number
  readonly bytes: number
  readonly imageBytes: number
}

const FORMAT = 1
const MAGIC = Buffer.from([0x54, 0x4d, 0x41, FORMAT])
/** Magic and format, crc32 of the format and what follows, length, length of the header. */
const HEAD = 4 + 4 + 6 + 4
/** A block may be larger than the parts that objects are cut into: an item of a state is never cut. */
export const MOST_OBJECT_BYTES: number = 512 * 1024 * 1024

/** Packs an object. */
export const encodeObject = (header: ArchiveHeader, blocks: readonly StoredBlock[]): Uint8Array => {
  const text = Buffer.from(JSON.stringify(header))
  const total = blocks.reduce(
    (sum, { key, bytes }) => sum + 8 + key.raw.length + bytes.length,
    HEAD + text.length,
  )
  const object = Buffer.alloc(total)
  MAGIC.copy(object)
  object.writeUIntBE(total, 8, 6)
  object.writeUInt32BE(text.length, 14)
  text.copy(object, HEAD)
  let at = HEAD + text.length
  for (const { key, bytes } of blocks) {
    for (const piece of [key.raw, bytes]) {
      object.writeUInt32BE(piece.length, at)
      object.set(piece, at + 4)
      at += 4 + piece.length
    }
  }
  object.writeUInt32BE(crc32(object.subarray(8), FORMAT), 4)
  return object
}

/** An object that was read and checked. */
export interface ArchiveObject {
  readonly header: ArchiveHeader
  readonly blocks: readonly StoredBlock[]
}

/**
 * Unpacks an object; every length is checked before it is used.
 *
 * @param name - of the object, for messages
 * @throws CorruptPartitionError for one with a single wrong bit, or that belongs elsewhere
 */
export const decodeObject = (
  bytes: Uint8Array,
  place: {
    readonly name: string
    readonly store: string
    readonly index: number
    readonly sequence: number
  },
): ArchiveObject => {
  const object = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const damage = (how: string): CorruptPartitionError => damagedObject(place.name, how)
  if (object.length < HEAD) throw damage('it is cut short')
  if (!object.subarray(0, 3).equals(MAGIC.subarray(0, 3))) throw damage('it is none of ours')
  if (object.readUIntBE(8, 6) !== object.length) throw damage('it is not as long as it was')
  if (object.readUInt32BE(4) !== crc32(object.subarray(8), object[3]))
    throw damage('its checksum is wrong')
  if (object[3] !== FORMAT) {
    throw new RecoveryError(
      `The archived object ${place.name} has format ${object[3]}, this release reads ${FORMAT}: it was ` +
        'written by a newer release. Run that one.',
    )
  }
  const headerEnd = HEAD + object.readUInt32BE(14)
  if (headerEnd > object.length) throw damage('its header reaches behind its end')
  const header = headerOf(object.toString('utf8', HEAD, headerEnd), damage)
  const { store, index, sequence } = header
  if (store !== place.store || index !== place.index || sequence !== place.sequence) {
    throw damage(`it is object ${sequence} of partition ${index} of store ${store}`)
  }
  return { header, blocks: blocksOf(object, headerEnd, damage) }
}

export const damagedObject = (name: string, how: string): CorruptPartitionError =>
  new CorruptPartitionError(
    `The archived object ${name} is damaged: ${how}. Nothing is restored by guessing: put the archive back ` +
      'from a copy, or the recovery directory.',
  )

const headerOf = (text: string, damage: (how: string) => CorruptPartitionError): ArchiveHeader => {
  let header: unknown
  try {
    header = JSON.parse(text)
  } catch {
    header = null
  }
  if (!isHeader(header)) throw damage('its header does not say what it is')
  return header
}

const NUMBERS = [
  'index',
  'count',
  'sequence',
  'execution',
  'resumeEpoch',
  'last',
  'to',
  'collected',
]

const isHeader = (header: unknown): header is ArchiveHeader => {
  if (typeof header !== 'object' || header === null) return false
  const it = header as Readonly<Record<string, unknown>>
  const { chain, image, executions, certain } = it
  if (!NUMBERS.every((name) => isCount(it[name])) || !Number.isSafeInteger(it['first']))
    return false
  if (typeof it['store'] !== 'string' || typeof it['flowId'] !== 'string') return false
  if (!['begin', 'delta', 'image', 'end'].includes(String(it['kind']))) return false
  if (typeof certain !== 'boolean' || !isChain(chain)) return false
  if (executions !== null && !(Array.isArray(executions) && executions.every(isRecord)))
    return false
  return it['kind'] === 'image' ? isImage(image) : image === null
}

const isChain = (chain: unknown): boolean => {
  if (typeof chain !== 'object' || chain === null) return false
  const { images, connected, objects, begins, bytes, imageBytes } = chain as Record<string, unknown>
  return (
    Array.isArray(images) &&
    images.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isCount)) &&
    typeof connected === 'boolean' &&
    [objects, begins, bytes, imageBytes].every(isCount)
  )
}

const isImage = (image: unknown): boolean => {
  if (typeof image !== 'object' || image === null) return false
  const { first, part, whole, covers, to } = image as Record<string, unknown>
  return [first, part, covers, to].every(isCount) && typeof whole === 'boolean'
}

const isRecord = (record: unknown): boolean => {
  if (typeof record !== 'object' || record === null) return false
  const { execution, resumeEpoch, workers, stores } = record as Record<string, unknown>
  return (
    [execution, resumeEpoch, workers].every(isCount) &&
    Array.isArray(stores) &&
    stores.every((store) => typeof store === 'string')
  )
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

const blocksOf = (
  object: Buffer,
  from: number,
  damage: (how: string) => CorruptPartitionError,
): readonly StoredBlock[] => {
  const blocks: StoredBlock[] = []
  let at = from
  const piece = (): Buffer => {
    if (at + 4 > object.length) throw damage('it ends inside a length')
    const start = at + 4
    const end = start + object.readUInt32BE(at)
    if (end > object.length) throw damage('a block reaches behind its end')
    at = end
    return object.subarray(start, end)
  }
  while (at < object.length) {
    const key = parseBlockKey(piece())
    const bytes = piece()
    if (key === null || !keyFits(key, bytes)) throw damage('a block does not fit its key')
    blocks.push({ key, bytes })
  }
  return blocks
}
