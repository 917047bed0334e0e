import { CorruptPartitionError, RecoveryError } from '../errors/errors.ts'
import type { Archive, ArchiveFacts } from './archive.ts'
import { ArchiveLog } from './archive-log.ts'
import type { ArchiveHeader } from './archive-object.ts'
import { Archiver } from './archiver.ts'
import type { Block } from './block.ts'
import type { LogPartition } from './partition.ts'
import { Serial } from './serial.ts'
import type { ExecutionRecord, PartitionFacts, RecoveryPartition, StoreHost } from './store.ts'

export interface ArchivedOptions {
  readonly archive: Archive
  readonly host: StoreHost
  readonly required: boolean
  readonly settledAfter?: number
  /** Told of what a load found damaged. */
  readonly damaged?: (error: CorruptPartitionError) => Promise<void>
  /** Told when the partition and its archiver are closed. */
  readonly closed?: () => Promise<void>
}

/** A recovery partition that is sent to an archive as it grows. */
export class ArchivedPartition implements RecoveryPartition {
  readonly #inner: LogPartition
  readonly #options: ArchivedOptions
  readonly #archiver: Archiver
  /** Appends and images, one after the other: an image has whole appends in it. */
  readonly #order = new Serial()
  /** Blocks that are durable here, of an append that came to nothing in the archive. */
  readonly #written = new Set<Block>()
  /** An execution that began in the archive and came to nothing. */
  readonly #begun: ExecutionRecord | null

  private constructor(
    inner: LogPartition,
    options: ArchivedOptions,
    begun: ExecutionRecord | null,
  ) {
    this.#inner = inner
    this.#options = options
    this.#begun = begun
    const { archive, host, required, settledAfter } = options
    const { store, index, count, place } = inner.facts
    this.#archiver = new Archiver({
      log: new ArchiveLog(archive, { store, index, count }),
      host,
      place,
      required,
      image: () =>
        this.#order.run(async () => {
          const image = await inner.image()
          return { image, covers: this.#archiver.taken }
        }),
      others: () => archivedTo(archive, { store, count }),
      ...(settledAfter === undefined ? {} : { settledAfter }),
    })
  }

  /**
   * Puts a partition that was opened under its archive.
   *
   * @throws RecoveryError where the archive knows more than the partition does
   */
  static async over(inner: LogPartition, options: ArchivedOptions): Promise<ArchivedPartition> {
    const { store, index, count } = inner.facts
    const last = await new ArchiveLog(options.archive, { store, index, count }).end()
    return new ArchivedPartition(inner, options, begunInVain(last, inner.facts))
  }

  get facts(): PartitionFacts {
    const { facts } = this.#inner
    const begun = this.#begun
    const newest = facts.executions.at(-1)?.execution ?? -1
    return begun === null || newest >= begun.execution
      ? facts
      : { ...facts, executions: [...facts.executions, begun] }
  }

  get archive(): ArchiveFacts {
    return this.#archiver.facts
  }

  async begin(flowId: string, execution: ExecutionRecord): Promise<void> {
    await this.#archiver.begin(flowId, execution, this.#inner.facts)
    await this.#inner.begin(flowId, execution)
    this.#archiver.ready()
  }

  async append(frontier: number, blocks: readonly Block[]): Promise<void> {
    this.#archiver.check()
    await this.#order.run(async () => {
      const fresh = blocks.filter((block) => !this.#written.has(block))
      const placed = await this.#inner.appendPlaced(frontier, fresh)
      this.#archiver.take(frontier, placed)
      if (this.#options.required) for (const block of fresh) this.#written.add(block)
    })
    if (!this.#options.required) return
    await this.#archiver.settled()
    this.#written.clear()
  }

  commit(epoch: number): Promise<void> {
    return this.#inner.commit(epoch)
  }

  async *load(resumeEpoch: number): AsyncGenerator<Block> {
    try {
      yield* this.#inner.load(resumeEpoch)
    } catch (error) {
      if (error instanceof CorruptPartitionError) await this.#options.damaged?.(error)
      throw error
    }
  }

  async close(): Promise<void> {
    try {
      await this.#archiver.close()
      await this.#inner.close()
    } finally {
      await this.#options.closed?.()
    }
  }
}

/**
 * The execution that the archive has begun and the partition does not know, where nothing came of it.
 *
 * @throws RecoveryError where something did, or the archive has later epochs of the newest one
 */
const begunInVain = (last: ArchiveHeader | null, facts: PartitionFacts): ExecutionRecord | null => {
  if (last === null) return null
  const { execution, resumeEpoch, to } = last
  const newest = facts.executions.at(-1)?.execution ?? -1
  if (execution < newest) return null
  const reached = facts.frontier?.epoch ?? 0
  if (execution === newest ? to <= reached : last.kind === 'begin') {
    if (execution === newest) return null
    const record = last.executions?.at(-1)
    return record === undefined
      ? { execution, resumeEpoch, workers: 0, stores: [facts.store] }
      : record
  }
  throw new RecoveryError(
    `The archive of ${facts.place} is ahead of it: it has epochs before ${to} of execution ${execution}, ` +
      `the partition those before ${reached} of execution ${newest}. Another process has taken the flow ` +
      'over, or the recovery directory is an old copy. Stop the other one; to go on here, remove the ' +
      'directory: it is restored from the archive.',
  )
}

/** The epoch up to which all partitions of a store can be restored; 0 while one can't. */
const archivedTo = async (
  archive: Archive,
  { store, count }: { readonly store: string; readonly count: number },
): Promise<number> => {
  const ends = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      new ArchiveLog(archive, { store, index, count }).end(),
    ),
  )
  return Math.min(...ends.map((end) => (end?.chain.connected === true ? end.to : 0)))
}
