import { CorruptPartitionError } from '../errors/errors.ts'
import { OBJECT_BYTES } from './archive-backlog.ts'
import { type StoredBlock, storedChecksum } from './block-key.ts'
import type { PartitionImage } from './partition.ts'

/** Blocks of an image that go into one object, and whether they are its last. */
export interface ImageShare {
  readonly blocks: readonly StoredBlock[]
  readonly isLast: boolean
}

/**
 * An image of a partition on its way into the archive, a part at a time.
 *
 * I1. A part that was not taken comes again, so that parts follow one another without a gap.
 * I2. An image whose blocks are not those that were written does not become whole.
 */
export class ImageSending {
  readonly image: PartitionImage
  /** The last entry that is in the image. */
  readonly covers: number
  #ahead: StoredBlock[] = []
  #isRead = false
  #blocks = 0
  #sum = 0
  #first: number | undefined
  #part = 0
  #bytes = 0

  constructor(image: PartitionImage, covers: number) {
    this.image = image
    this.covers = covers
  }

  /** Where its first part is in the log, once that is there. */
  get first(): number | undefined {
    return this.#first
  }

  /** The number of the part that is next. */
  get part(): number {
    return this.#part
  }

  /** What was sent of it. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * The next part.
   *
   * @throws CorruptPartitionError where blocks are missing, or the database was closed meanwhile
   */
  async next(): Promise<ImageShare> {
    await this.#readAhead()
    const blocks: StoredBlock[] = []
    let bytes = 0
    for (const block of this.#ahead) {
      if (blocks.length > 0 && bytes + block.bytes.length > OBJECT_BYTES) break
      blocks.push(block)
      bytes += block.bytes.length
    }
    this.#ahead = this.#ahead.slice(blocks.length)
    return { blocks, isLast: this.#isRead && this.#ahead.length === 0 }
  }

  /** The part that `next` gave is in the archive. */
  sent({ blocks }: ImageShare, sequence: number): void {
    this.#first ??= sequence
    this.#part += 1
    this.#bytes += sizeOf(blocks)
  }

  /** The part that `next` gave was not taken (I1). */
  putBack({ blocks }: ImageShare): void {
    this.#ahead = [...blocks, ...this.#ahead]
  }

  /** Lets the database go, whatever has been sent. */
  async end(): Promise<void> {
    await this.image.blocks.return(undefined).catch(() => undefined)
  }

  /** Reads until there is enough for an object, or no more. */
  async #readAhead(): Promise<void> {
    while (!this.#isRead && sizeOf(this.#ahead) < OBJECT_BYTES) {
      const chunk = await this.image.blocks.next()
      if (chunk.done === true) {
        this.#isRead = true
        this.#checkWhole()
        return
      }
      for (const block of chunk.value) {
        this.#ahead.push(block)
        this.#blocks += 1
        this.#sum += storedChecksum(block.key)
      }
    }
  }

  /** What is missing here must not be missing there without a word (I2). */
  #checkWhole(): void {
    const { blocks, sum } = this.image.manifest
    if (blocks === this.#blocks && sum === this.#sum) return
    throw new CorruptPartitionError(
      `A recovery partition can't be archived whole: ${blocks} blocks were written, ${this.#blocks} are there.`,
    )
  }
}

export const sizeOf = (blocks: readonly StoredBlock[]): number =>
  blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
