import { type Block, BlockBuilder, BlockCursor } from './block.ts'
import type { StoredBlock } from './block-key.ts'
import { KeySet } from './key-set.ts'

/** What a walk over one step's blocks found to be its live rows. */
export interface LiveRows {
  rows: number
  bytes: number
}

export interface NewestOptions {
  /** In [0, 1): where the hashes of keys begin. */
  readonly seed: number
  /** Told of each block that is handed on. */
  readonly live: (stepId: string, found: LiveRows) => void
  /** How many blocks there are at most; rooms for their keys are made at once. */
  readonly blocks?: number
}

/** Room for more keys than this is made only when they are there: a count may be wrong. */
const MOST_EXPECTED = 1 << 18

/**
 * The newest row of each key of each step, each once, without those of keys that are gone.
 *
 * Takes blocks by step, newest first. A block of which every row is wanted is handed on as it is.
 */
export const newestRows = async function* (
  stored: AsyncIterable<readonly StoredBlock[]>,
  options: NewestOptions,
): AsyncGenerator<Block> {
  let picker = new Picker(options)
  let builder: BlockBuilder | null = null
  let left = options.blocks ?? 0
  for await (const chunk of stored) {
    for (const { key, bytes } of chunk) {
      const cursor = new BlockCursor({ stepId: key.stepId, bytes })
      if (builder === null || key.stepId !== builder.stepId) {
        if (builder !== null && builder.rows > 0) yield handOn(builder.build(), options)
        const expected = Math.min(left * cursor.rows, MOST_EXPECTED)
        picker = new Picker({ seed: options.seed, expected })
        builder = new BlockBuilder(key.stepId, key.epoch)
      }
      left--
      picker.pick(cursor)
      if (picker.live === cursor.rows && picker.live > 0) {
        yield handOn({ stepId: key.stepId, epoch: key.epoch, rows: cursor.rows, bytes }, options)
      } else if (picker.live > 0) {
        for (let row = 0; cursor.next(); row++) {
          if (picker.flags[row] !== LIVE) continue
          builder.copyRow(cursor)
          if (builder.full) yield handOn(builder.build(), options)
        }
      }
    }
  }
  if (builder !== null && builder.rows > 0) yield handOn(builder.build(), options)
}

const handOn = (block: Block, options: NewestOptions): Block => {
  options.live(block.stepId, { rows: block.rows, bytes: block.bytes.length })
  return block
}

/** A newer row of the key was seen. */
const SUPERSEDED = 0
/** The newest row of its key, with a state. */
export const LIVE = 1
/** The newest row of its key, which is gone. */
export const GRAVE = 2

/** Tells the rows of one block apart, newest block first. */
export class Picker {
  readonly #seen: KeySet
  /** What each row of the block at hand is. */
  flags: Uint8Array = new Uint8Array(1024)
  live = 0
  graves = 0

  constructor(options: { readonly seed: number; readonly expected?: number }) {
    this.#seen = new KeySet(options)
  }

  /** Walks a block to its end and back. */
  pick(cursor: BlockCursor): void {
    this.live = 0
    this.graves = 0
    for (let row = 0; cursor.next(); row++) {
      if (row === this.flags.length) this.#grow()
      this.flags[row] = this.#judge(cursor)
    }
    cursor.rewind()
  }

  #judge(cursor: BlockCursor): number {
    if (!this.#seen.add(cursor.bytes, cursor.rowStart, cursor.keyEnd)) return SUPERSEDED
    if (cursor.tombstone) {
      this.graves++
      return GRAVE
    }
    this.live++
    return LIVE
  }

  #grow(): void {
    const grown = new Uint8Array(this.flags.length * 2)
    grown.set(this.flags)
    this.flags = grown
  }
}
