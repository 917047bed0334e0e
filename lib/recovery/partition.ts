import { InconsistentPartitionsError, RecoveryError } from '../errors/errors.ts'
import { Accounts } from './accounts.ts'
import { type Block, BlockCursor } from './block.ts'
import {
  allBlocks,
  type BlockKey,
  blockKey,
  blocksBefore,
  blocksOf,
  keyFits,
  parseBlockKey,
  type StoredBlock,
  storedChecksum,
} from './block-key.ts'
import { Collector } from './collector.ts'
import { Horizon, pointsChange, readPoints } from './horizon.ts'
import {
  checkMark,
  type Identity,
  type Manifest,
  manifestChange,
  readManifest,
  withBlocks,
  without,
} from './manifest.ts'
import { newestRows } from './newest.ts'
import { damaged } from './record.ts'
import { Serial } from './serial.ts'
import type { ExecutionRecord, PartitionFacts, RecoveryPartition, StoreHost } from './store.ts'
import type { Change, KeyRange, Table } from './table.ts'
import type { Witness } from './witness.ts'

/** Executions that a partition remembers; only the newest decides anything. */
const REMEMBERED = 32
const BULK_BYTES = 1024 * 1024

/** What the partitions of one process do one after the other. */
export class Turns {
  readonly sweeps: Serial = new Serial()
  /** Writes of more than a megabyte. */
  readonly bulk: Serial = new Serial()
}

/** All blocks of a partition and what it knew of itself when it had them. */
export interface PartitionImage {
  readonly manifest: Manifest
  readonly blocks: AsyncGenerator<readonly StoredBlock[]>
}

export interface PartitionOptions {
  readonly identity: Identity
  /** Where it lies, for messages. */
  readonly place: string
  readonly host: StoreHost
  /** Milliseconds. */
  readonly backupInterval: number
  /** Opens the database: at first, and again after a failed write. */
  readonly openTable: () => Promise<Table>
  readonly witness: Witness
  /** Shared by the partitions of a process, which share its cores. */
  readonly turns: Turns
}

/**
 * A log of blocks in a table, with a manifest that is rewritten in every batch.
 *
 * P1. A batch holds blocks, frontier and manifest; it is there as a whole or not at all.
 * P2. The manifest counts and sums the blocks. A block that was lost or came back is missed at load.
 * P3. What was committed or begun is also known to the witness; a database that knows less lost it.
 * P4. Of one key the row of the highest (epoch, execution, sequence) before the resume epoch counts.
 *     Rows of dead executions at or after a resume epoch go in the batch that begins it.
 * P5. Writes run one at a time, each from the manifest that the one before it left.
 */
export class LogPartition implements RecoveryPartition {
  readonly #options: PartitionOptions
  readonly #writes = new Serial()
  readonly #accounts = new Accounts()
  readonly #collector: Collector
  #table: Table
  #manifest: Manifest
  #horizon: Horizon
  #broken: { readonly cause: unknown } | null = null
  #begun = false
  #closing = false
  /** Blocks that a load passed over, so that `begin` at the same epoch need not look again. */
  #passedOver: { readonly resumeEpoch: number; readonly keys: readonly BlockKey[] } | null = null

  private constructor(
    options: PartitionOptions,
    opened: { readonly table: Table; readonly manifest: Manifest; readonly horizon: Horizon },
  ) {
    this.#options = options
    this.#table = opened.table
    this.#manifest = opened.manifest
    this.#horizon = opened.horizon
    this.#collector = new Collector({
      accounts: this.#accounts,
      runtime: options.host.runtime,
      turns: options.turns.sweeps,
      failed: (cause) =>
        options.host.alarm(`Superseded rows of ${options.place} could not be collected.`, cause),
      horizon: () => (this.#broken === null ? this.#manifest.collected : 0),
      blocks: (stepId, below) => this.#descend(blocksBefore(stepId, below)),
      replace: (added, dropped) => this.#writes.run(() => this.#replace(added, dropped)),
      compact: (range) => this.#table.compact(range),
    })
  }

  /** Opens a partition and checks that it knows all that its witness saw. */
  static async open(options: PartitionOptions): Promise<LogPartition> {
    const table = await options.openTable()
    try {
      const manifest = await readManifest(table, options.identity, options.place)
      checkMark(manifest, await options.witness.read(), options.place)
      const points = await readPoints(table, options.place)
      return new LogPartition(options, {
        table,
        manifest,
        horizon: new Horizon(options.backupInterval, points),
      })
    } catch (error) {
      await options.witness.close()
      await table.close()
      throw error
    }
  }

  get facts(): PartitionFacts {
    const { store, index, count, flowId, executions, frontier, collected, uncertain } =
      this.#manifest
    const { place } = this.#options
    const doubt = uncertain === true ? { uncertain } : {}
    return { store, place, index, count, flowId, executions, frontier, collected, ...doubt }
  }

  begin(flowId: string, execution: ExecutionRecord): Promise<void> {
    return this.#writes.run(async () => {
      await this.#mend()
      this.#checkBegin(flowId, execution)
      const dead = await this.#deadBlocks(execution.resumeEpoch)
      await this.#write(dead.map(removal), {
        ...without(this.#manifest, dead),
        flowId,
        executions: remembered(this.#manifest.executions, execution),
        frontier: { execution: execution.execution, epoch: execution.resumeEpoch },
      })
      await this.#bearWitness(execution)
      this.#begun = true
    })
  }

  async append(frontier: number, blocks: readonly Block[]): Promise<void> {
    await this.appendPlaced(frontier, blocks)
  }

  /** As `append`; gives the blocks with the places where they lie. */
  async appendPlaced(frontier: number, blocks: readonly Block[]): Promise<readonly StoredBlock[]> {
    await this.#collector.keptUp()
    return this.#writes.run(async () => {
      await this.#mend()
      const before = this.#manifest.frontier
      if (before === null) {
        throw new RecoveryError(
          `Rows came for ${this.#options.place} before an execution began in it.`,
        )
      }
      checkEpochs(frontier, blocks)
      const added = this.#placed(blocks, before.execution)
      // Whoever may not go on from a restored store has said so before anything was written.
      const { uncertain: _, ...manifest } = this.#manifest
      await this.#write(added.map(addition), {
        ...withBlocks(manifest, added),
        frontier: { execution: before.execution, epoch: Math.max(before.epoch, frontier) },
      })
      for (const { stepId, epoch, rows, bytes } of blocks) {
        this.#accounts.added(stepId, epoch, { rows, bytes: bytes.length })
      }
      return added
    })
  }

  /** Everything in it as of now, whatever is written while it is read. */
  image(): Promise<PartitionImage> {
    return this.#writes.run(async () => {
      if (this.#broken !== null) throw this.#broken.cause
      const manifest = this.#manifest
      const chunks = this.#descend(allBlocks)
      // The first step takes hold of the database as it is.
      const first = await chunks.next()
      return { manifest, blocks: resumed(first, chunks) }
    })
  }

  async commit(epoch: number): Promise<void> {
    if (this.#broken !== null || this.#closing) return
    try {
      await this.#writes.run(() => this.#collectTo(epoch))
    } catch (cause) {
      this.#options.host.alarm(`The horizon of ${this.#options.place} could not be written.`, cause)
      return
    }
    this.#collector.collectIfDue()
  }

  async *load(resumeEpoch: number): AsyncGenerator<Block> {
    const { collected, blocks, sum } = this.#manifest
    if (resumeEpoch < collected)
      throw new InconsistentPartitionsError(tooOld(this.facts, resumeEpoch))
    this.#accounts.clear()
    const passedOver: BlockKey[] = []
    const found = { blocks: 0, sum: 0 }
    yield* newestRows(this.#wanted(resumeEpoch, { found, passedOver }), {
      seed: this.#options.host.runtime.random(),
      blocks,
      live: (stepId, live) => this.#accounts.live(stepId, live),
    })
    if (found.blocks !== blocks || found.sum !== sum) {
      throw damaged(this.#options.place, `${blocks} blocks were written, ${found.blocks} are there`)
    }
    this.#passedOver = { resumeEpoch, keys: passedOver }
  }

  /** Removes every row of a step, of every epoch; tells how many blocks it had. */
  forget(stepId: string): Promise<number> {
    return this.#writes.run(async () => {
      await this.#mend()
      const dropped: BlockKey[] = []
      for await (const keys of this.#table.keys(blocksOf(stepId))) {
        for (const raw of keys) {
          const key = parseBlockKey(raw)
          if (key !== null) dropped.push(key)
        }
      }
      if (dropped.length > 0)
        await this.#write(dropped.map(removal), without(this.#manifest, dropped))
      return dropped.length
    })
  }

  async close(): Promise<void> {
    this.#closing = true
    await this.#collector.close({ tidy: this.#begun && this.#broken === null })
    await this.#writes.run(async () => {
      await this.#options.witness.close()
      await this.#table.close()
    })
  }

  /** The blocks whose rows count, newest first; every block is checked and summed on the way. */
  async *#wanted(
    resumeEpoch: number,
    on: { readonly found: { blocks: number; sum: number }; readonly passedOver: BlockKey[] },
  ): AsyncGenerator<readonly StoredBlock[]> {
    const { executions } = this.#manifest
    for await (const chunk of this.#descend(allBlocks)) {
      yield chunk.filter(({ key, bytes }) => {
        on.found.blocks++
        on.found.sum += storedChecksum(key)
        if (key.epoch >= resumeEpoch || isDead(key, executions)) {
          on.passedOver.push(key)
          new BlockCursor({ stepId: key.stepId, bytes })
          return false
        }
        this.#accounts.loaded(key.stepId, bytes.length)
        return true
      })
    }
  }

  async *#descend(range: KeyRange): AsyncGenerator<readonly StoredBlock[]> {
    for await (const chunk of this.#table.descend(range)) {
      yield chunk.map(({ key: raw, value: bytes }) => {
        const key = parseBlockKey(raw)
        if (key === null || !keyFits(key, bytes)) {
          throw damaged(this.#options.place, 'a block does not fit the place where it lies')
        }
        return { key, bytes }
      })
    }
  }

  async #deadBlocks(resumeEpoch: number): Promise<readonly BlockKey[]> {
    const passedOver = this.#passedOver
    this.#passedOver = null
    if (passedOver?.resumeEpoch === resumeEpoch) return passedOver.keys
    const dead: BlockKey[] = []
    for await (const keys of this.#table.keys(allBlocks)) {
      for (const raw of keys) {
        const key = parseBlockKey(raw)
        if (key === null) throw damaged(this.#options.place, 'a key in it is not one of a block')
        if (key.epoch >= resumeEpoch || isDead(key, this.#manifest.executions)) dead.push(key)
      }
    }
    return dead
  }

  #checkBegin(flowId: string, { execution, resumeEpoch, stores }: ExecutionRecord): void {
    const { flowId: owner, executions, collected, store } = this.#manifest
    if (!stores.includes(store)) {
      throw new RecoveryError(
        `Execution ${execution} does not name the store of ${this.#options.place}.`,
      )
    }
    const newest = executions.at(-1)
    if (owner !== null && owner !== flowId) {
      throw new RecoveryError(otherFlow(this.#options.place, owner, flowId))
    }
    if (newest !== undefined && execution <= newest.execution) {
      throw new RecoveryError(
        `Execution ${execution} cannot begin in ${this.#options.place}: execution ${newest.execution} ` +
          'has begun since. Another process runs this flow; stop one of them.',
      )
    }
    if (resumeEpoch < collected)
      throw new InconsistentPartitionsError(tooOld(this.facts, resumeEpoch))
  }

  #placed(blocks: readonly Block[], execution: number): readonly StoredBlock[] {
    let { sequence } = this.#manifest
    return blocks.map(({ stepId, epoch, bytes }) => ({
      key: blockKey({ stepId, epoch, execution, sequence: sequence++ }, bytes),
      bytes,
    }))
  }

  /** One batch with the manifest that it leads to, which counts only once it is written. */
  async #write(changes: readonly Change[], manifest: Manifest, sync = true): Promise<void> {
    try {
      const batch = [...changes, manifestChange(manifest)]
      const write = async () => {
        await this.#options.host.leased?.()
        await this.#table.write(batch, { sync })
      }
      await (lengthOf(changes) > BULK_BYTES ? this.#options.turns.bulk.run(write) : write())
    } catch (cause) {
      this.#broken = { cause }
      throw new RecoveryError(
        `The recovery partition ${this.#options.place} could not be written. Nothing of the batch ` +
          'counts; it is tried again with the next one. Check the disk it lies on.',
        { cause },
      )
    }
    this.#manifest = manifest
  }

  /** An execution that nobody could witness has not begun. */
  async #bearWitness({ execution, resumeEpoch }: ExecutionRecord): Promise<void> {
    try {
      await this.#options.witness.write({ execution, epoch: resumeEpoch }, { sync: true })
    } catch (cause) {
      throw new RecoveryError(
        `Execution ${execution} can't begin: ${this.#options.place} could not be written. Check the disk ` +
          'it lies on, then start the flow again.',
        { cause },
      )
    }
  }

  /** After a failed write: the database is opened afresh, and asked what it knows. */
  async #mend(): Promise<void> {
    if (this.#broken === null) return
    await this.#table.close()
    this.#table = await this.#options.openTable()
    const manifest = await readManifest(this.#table, this.#options.identity, this.#options.place)
    const ours = this.#manifest.executions.at(-1)
    const newest = manifest.executions.at(-1)
    if (ours !== undefined && newest !== undefined && newest.execution > ours.execution) {
      throw new RecoveryError(
        `Execution ${newest.execution} has taken ${this.#options.place} over while it was closed after ` +
          'a failed write. This execution has to stop.',
      )
    }
    this.#manifest = manifest
    this.#broken = null
  }

  async #collectTo(epoch: number): Promise<void> {
    // A write before it failed meanwhile, and may be there nevertheless: its manifest is not ours.
    if (this.#broken !== null) return
    const { runtime } = this.#options.host
    const { frontier, collected } = this.#manifest
    if (frontier === null) return
    const before = this.#horizon.points
    const horizon = Math.min(this.#horizon.commit(epoch, runtime.now()) ?? 0, frontier.epoch)
    const { points } = this.#horizon
    const changes = points.length === before.length ? [] : [pointsChange(points)]
    if (horizon > collected || changes.length > 0) {
      const next = { ...this.#manifest, collected: Math.max(collected, horizon) }
      await this.#write(changes, next, false)
      this.#accounts.moveTo(next.collected)
    }
    const mark = { execution: frontier.execution, epoch: Math.min(epoch, frontier.epoch) }
    await this.#options.witness.write(mark, { sync: false })
  }

  /** Not synced: until a later batch is, the blocks it drops are as good as those it adds. */
  async #replace(
    added: readonly Block[],
    dropped: readonly BlockKey[],
  ): Promise<readonly BlockKey[]> {
    if (this.#broken !== null) throw this.#broken.cause
    const execution = this.#manifest.frontier?.execution ?? 0
    const placed = this.#placed(added, execution)
    const changes = [...placed.map(addition), ...dropped.map(removal)]
    await this.#write(changes, without(withBlocks(this.#manifest, placed), dropped), false)
    return placed.map(({ key }) => key)
  }
}

const resumed = async function* <T>(
  first: IteratorResult<T>,
  rest: AsyncGenerator<T>,
): AsyncGenerator<T> {
  try {
    if (first.done !== true) yield first.value
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

const checkEpochs = (frontier: number, blocks: readonly Block[]): void => {
  for (const epoch of [frontier, ...blocks.map((block) => block.epoch)]) {
    if (!Number.isSafeInteger(epoch) || epoch < 0) throw new RecoveryError(`${epoch} is no epoch.`)
  }
}

/** The executions that a partition knows once another one has begun. */
export const remembered = (
  executions: readonly ExecutionRecord[],
  execution: ExecutionRecord,
): readonly ExecutionRecord[] => [...executions.map(withoutSteps), execution].slice(-REMEMBERED)

const withoutSteps = ({ steps: _, ...record }: ExecutionRecord): ExecutionRecord => record

const isDead = (key: BlockKey, executions: readonly ExecutionRecord[]): boolean =>
  executions.some(
    ({ execution, resumeEpoch }) => execution > key.execution && resumeEpoch <= key.epoch,
  )

const addition = ({ key, bytes }: StoredBlock): Change => ({ key: key.raw, value: bytes })

const removal = ({ raw }: BlockKey): Change => ({ key: raw, value: null })

const lengthOf = (changes: readonly Change[]): number =>
  changes.reduce((total, { value }) => total + (value?.length ?? 0), 0)

const tooOld = (facts: PartitionFacts, resumeEpoch: number): string =>
  `The recovery partition ${facts.place} has collected what it superseded before epoch ` +
  `${facts.collected} and cannot resume at epoch ${resumeEpoch}: other partitions are older copies.`

const otherFlow = (place: string, owner: string, flowId: string): string =>
  `The recovery partition ${place} belongs to the flow "${owner}", not to "${flowId}": a store belongs ` +
  'to one flow id. Give each flow a recovery directory of its own.'
