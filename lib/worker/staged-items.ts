import { type RowCodec, rowCodec } from '../codec/row-codec.ts'
import { CorruptPartitionError } from '../errors/errors.ts'

/** A chunk is complete from this size on; one item may make it longer. */
const CHUNK_BYTES = 64 * 1024
const LENGTH_BYTES = 4

/** What an epoch counts for beside its bytes, so that many small ones are bounded too. */
export const EPOCH_COST = 256

/**
 * The items of one epoch of one slot, encoded as they came.
 *
 * They lie in chunks, each of whole items: 32 bits of length and the item's bytes, again and again.
 * A chunk is what a snapshot row holds.
 */
export class StagedItems {
  readonly epoch: number
  readonly chunks: Uint8Array[] = []
  #codec: RowCodec<unknown> = rowCodec()
  #open: Uint8Array = new Uint8Array(0)
  #end = 0
  #closed = 0

  constructor(epoch: number) {
    this.epoch = epoch
  }

  /** Bytes of all items. */
  get bytes(): number {
    return this.#closed + this.#end
  }

  /** Adds an item; the chunk that it completed, or `null`. */
  add(item: unknown): Uint8Array | null {
    const packed = this.#codec.pack(item)
    const length = packed.end - packed.start
    this.#reserve(LENGTH_BYTES + length)
    new DataView(this.#open.buffer).setUint32(this.#end, length)
    this.#open.set(packed.bytes.subarray(packed.start, packed.end), this.#end + LENGTH_BYTES)
    this.#end += LENGTH_BYTES + length
    return this.#end >= CHUNK_BYTES ? this.#closeChunk() : null
  }

  /** Nothing is added any more; the last chunk, or `null` where all are complete. */
  close(): Uint8Array | null {
    return this.#end === 0 ? null : this.#closeChunk()
  }

  /** A chunk from a snapshot, at its place. */
  restore(index: number, chunk: Uint8Array): void {
    this.chunks[index] = chunk.slice()
    this.#closed += chunk.length
  }

  /** The items, made anew each time. */
  items(): unknown[] {
    const items: unknown[] = []
    for (const chunk of this.chunks) this.#decode(chunk, items)
    return items
  }

  #decode(chunk: Uint8Array | undefined, into: unknown[]): void {
    if (chunk === undefined) throw new CorruptPartitionError(MISSING)
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
    for (let at = 0; at < chunk.length; ) {
      const start = at + LENGTH_BYTES
      at = start + view.getUint32(at)
      into.push(this.#codec.decode(chunk.subarray(start, at)))
    }
  }

  #closeChunk(): Uint8Array {
    const chunk = this.#open.slice(0, this.#end)
    this.chunks.push(chunk)
    this.#closed += this.#end
    this.#end = 0
    return chunk
  }

  #reserve(length: number): void {
    if (this.#end + length <= this.#open.length) return
    const grown = new Uint8Array(Math.max(1024, this.#open.length * 2, this.#end + length))
    grown.set(this.#open.subarray(0, this.#end))
    this.#open = grown
  }
}

const MISSING =
  'A part of the items that were staged for a destination is missing from the store. Restore the recovery directory from a backup.'
