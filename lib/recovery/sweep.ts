import { type Block, BlockBuilder, BlockCursor } from './block.ts'
import type { BlockKey, StoredBlock } from './block-key.ts'
import { GRAVE, LIVE, type LiveRows, Picker } from './newest.ts'

/** A block this small is merged with its neighbours even when all of it is live. */
const SMALL_BYTES = 8 * 1024
const BATCH_BYTES = 4 * 1024 * 1024

/** What a sweep asks of the partition it runs in. */
export interface SweepLog {
  /** The step's blocks before `horizon`, newest first. */
  blocks(stepId: string, horizon: number): AsyncIterable<readonly StoredBlock[]>
  /** Adds and removes blocks as one; gives the places of the added ones. */
  replace(added: readonly Block[], dropped: readonly BlockKey[]): Promise<readonly BlockKey[]>
  /** To be awaited between blocks: lets others have their turn, and is false when to give up. */
  breathe(): Promise<boolean> | boolean
}

export interface SweepOptions {
  readonly stepId: string
  /** Rows before it that are not the newest of their key before it are garbage. */
  readonly horizon: number
  readonly seed: number
  /** About how many rows there are, so that the set of keys does not grow in a long leap. */
  readonly expected: number
  /** New blocks and removals that go into one batch, in bytes; 4 MiB. */
  readonly batchBytes?: number
}

/** What a sweep left, and where what it removed had lain. */
export interface Swept extends LiveRows {
  readonly removed: readonly BlockKey[]
  /** False if it was given up. */
  readonly whole: boolean
}

/**
 * Collects what one step's newer rows have superseded before a horizon.
 *
 * S1. States are copied, never decoded; a block of which all is live stays where it is.
 * S2. Rows that move go to the last epoch before the horizon: still older than every later row, and
 *     newer than everything that the sweep has yet to reach.
 * S3. A grave is dropped in the batch that drops the last row it covers: the last one. A sweep that
 *     gives up, or is killed, leaves graves for all that it has not reached.
 */
export const sweep = async (log: SweepLog, options: SweepOptions): Promise<Swept> =>
  new Sweep(log, options).run()

class Sweep {
  readonly #log: SweepLog
  readonly #options: SweepOptions
  readonly #picker: Picker
  readonly #live: BlockBuilder
  readonly #graves: BlockBuilder
  #added: Block[] = []
  #dropped: BlockKey[] = []
  #pending = 0
  /** Blocks of graves that this sweep wrote between its batches. */
  #graveBlocks: BlockKey[] = []
  readonly #removed: BlockKey[] = []
  #rows = 0
  #bytes = 0

  constructor(log: SweepLog, options: SweepOptions) {
    this.#log = log
    this.#options = options
    this.#picker = new Picker(options)
    this.#live = new BlockBuilder(options.stepId, options.horizon - 1)
    this.#graves = new BlockBuilder(options.stepId, options.horizon - 1)
  }

  async run(): Promise<Swept> {
    let whole = true
    scan: for await (const chunk of this.#log.blocks(this.#options.stepId, this.#options.horizon)) {
      for (const block of chunk) {
        this.#take(block)
        if (this.#pending > (this.#options.batchBytes ?? BATCH_BYTES)) await this.#flush(false)
        whole = await this.#log.breathe()
        if (!whole) break scan
      }
    }
    await this.#flush(whole)
    return { rows: this.#rows, bytes: this.#bytes, removed: this.#removed, whole }
  }

  #take({ key, bytes }: StoredBlock): void {
    const cursor = new BlockCursor({ stepId: key.stepId, bytes })
    this.#picker.pick(cursor)
    const { live, graves } = this.#picker
    this.#rows += live
    if (live === cursor.rows && bytes.length >= SMALL_BYTES) {
      this.#bytes += bytes.length
      return
    }
    if (live + graves > 0) this.#copy(cursor)
    this.#dropped.push(key)
    this.#pending += key.raw.length
  }

  #copy(cursor: BlockCursor): void {
    const { flags } = this.#picker
    for (let row = 0; cursor.next(); row++) {
      if (flags[row] === LIVE) this.#append(this.#live, cursor)
      else if (flags[row] === GRAVE) this.#append(this.#graves, cursor)
    }
  }

  #append(builder: BlockBuilder, cursor: BlockCursor): void {
    builder.copyRow(cursor)
    this.#pending += cursor.rowEnd - cursor.rowStart
    // Graves are few; they wait for the batch, so that the last one can leave them out.
    if (builder === this.#live && builder.full) this.#added.push(builder.build())
  }

  async #flush(last: boolean): Promise<void> {
    if (this.#live.rows > 0) this.#added.push(this.#live.build())
    for (const block of this.#added) this.#bytes += block.bytes.length
    const live = this.#added.length
    const kept = !last && this.#graves.rows > 0
    const graves = this.#graves.build()
    const added = kept ? [...this.#added, graves] : this.#added
    const dropped = last ? [...this.#dropped, ...this.#graveBlocks] : this.#dropped
    this.#added = []
    this.#dropped = []
    this.#pending = 0
    if (added.length + dropped.length === 0) return
    const keys = await this.#log.replace(added, dropped)
    for (const key of keys.slice(live)) this.#graveBlocks.push(key)
    for (const key of dropped) this.#removed.push(key)
  }
}
