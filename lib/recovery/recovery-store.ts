import { join } from 'node:path'
import { LockedPartitionError, NoPartitionsError, RecoveryError } from '../errors/errors.ts'
import { systemRuntime } from '../runtime/system.ts'
import { type DurationLike, durationMillis } from '../time/time.ts'
import type { ArchivePlace } from './archive.ts'
import { bringBack, claim } from './bring-back.ts'
import {
  directoryEntries,
  findStore,
  finishMaking,
  isHalfMade,
  isUsed,
  isVacant,
  makeAlone,
  makePartitions,
  type PartitionPlace,
  takenPath,
  takenStores,
} from './directory.ts'
import { openArchived } from './open-archived.ts'
import { openPartitions } from './open-partition.ts'
import { rewriteStore } from './rewrite.ts'
import type { RecoveryPartition, Store, StoreHost } from './store.ts'
import { giveUpTaken, keepTaken } from './take-over.ts'
import { inDirectory } from './unusable.ts'

const MOST_PARTITIONS = 1024
const DEFAULT_PARTITIONS = 4
/** How long another process may take to make the store that both were given: milliseconds. */
const MAKING = 30_000
/** Milliseconds between two looks at whether it has. */
const LOOK = 20

export interface RecoveryStoreOptions {
  /** How long superseded snapshots are kept, so that older copies of partitions can still be used; 0. */
  readonly backupInterval?: DurationLike
  /**
   * Where what each epoch changed is sent to, so that the state outlives the host: an empty or
   * damaged directory is restored from there.
   */
  readonly archive?: ArchivePlace
  /**
   * Lets a flow go on from a restore that may be behind what was committed, although its sinks or
   * sources can't take that back: what they were told since is told again; false.
   */
  readonly allowRewind?: boolean
  /** Whose store it is, in an archive that several processes share. @internal */
  readonly owner?: string
}

/** Recovery by directory, as in `run(flow, { recovery: { dir } })`. */
export interface RecoveryDirectory extends RecoveryStoreOptions {
  readonly dir: string
  /** How many partitions to make, or to rewrite the store to; 4 for a new one. */
  readonly partitions?: number
}

/**
 * A directory of LevelDB databases in which a flow keeps its snapshots.
 *
 * It is a handle and holds no lock between runs. A store belongs to the flow that ran with it first.
 *
 * @example
 * ```ts
 * const store = await RecoveryStore.init('./state', 4)
 * await run(flow, { recovery: store })
 * ```
 */
export class RecoveryStore implements Store {
  readonly dir: string
  /** Milliseconds. */
  readonly backupInterval: number
  readonly archive: ArchivePlace | null
  readonly allowRewind: boolean

  private constructor(dir: string, options: RecoveryStoreOptions) {
    this.dir = dir
    this.backupInterval = backupMillis(options.backupInterval ?? 0)
    this.archive = options.archive ?? null
    this.allowRewind = options.allowRewind ?? false
  }

  /**
   * A handle without a look at the directory, for workers whose process has looked.
   *
   * @internal
   */
  static at(dir: string, options: RecoveryStoreOptions): RecoveryStore {
    return new RecoveryStore(dir, options)
  }

  /**
   * Makes a store of `partitions` partitions in a directory, and the directory.
   *
   * @throws RecoveryError where the directory holds a store already or can't be used,
   * LockedPartitionError while another process makes one in it.
   */
  static async init(
    dir: string,
    partitions: number,
    options: RecoveryStoreOptions = {},
  ): Promise<RecoveryStore> {
    const store = new RecoveryStore(dir, options)
    checkPartitions(partitions)
    await inDirectory(dir, async () => {
      await checkUnused(dir)
      await makeAlone(dir, async () => {
        await checkUnused(dir)
        const id = newStoreId()
        await makePartitions(dir, { store: id, count: partitions, runtime: systemRuntime })
        await finishMaking(dir)
      })
    })
    return store
  }

  /**
   * A handle on the store in a directory, restored first where it has to be and there is an archive.
   *
   * @throws NoPartitionsError where there is none, MissingPartitionsError where it is not whole,
   * CorruptPartitionError where what it says of itself is damaged.
   */
  static async open(dir: string, options: RecoveryStoreOptions = {}): Promise<RecoveryStore> {
    const store = new RecoveryStore(dir, options)
    await bringBack(dir, options, () => undefined)
    await inDirectory(dir, () => findStore(dir))
    return store
  }

  /**
   * What `recovery: { dir, partitions }` means: the store in the directory, rewritten if it has
   * another number of partitions; a new one only where the directory is missing or empty, which is
   * told to `log`.
   */
  static async openOrInit(
    options: RecoveryDirectory,
    log: (message: string) => void,
  ): Promise<RecoveryStore> {
    const { dir, partitions } = options
    if (partitions !== undefined) checkPartitions(partitions)
    await giveUpTaken(dir, options, log)
    await bringBack(dir, options, log)
    const store = await RecoveryStore.#findOrMake(options, log)
    await claim(dir, options)
    await keepTaken(dir, options, log)
    return store
  }

  static async #findOrMake(
    options: RecoveryDirectory,
    log: (message: string) => void,
  ): Promise<RecoveryStore> {
    const { dir, partitions } = options
    if (await isToBeMade(dir)) {
      const count = partitions ?? DEFAULT_PARTITIONS
      const store = await initOnce(dir, count, options)
      if (store !== null) {
        log(`Made a recovery store of ${count} partitions in ${dir}.`)
        return store
      }
    }
    const entries = (await inDirectory(dir, () => directoryEntries(dir))) ?? []
    if (!isUsed(entries)) throw new NoPartitionsError(notEmpty(dir))
    const place = await inDirectory(dir, () => findStore(dir))
    if (partitions !== undefined && partitions !== place.partitions.length) {
      await RecoveryStore.rewrite(dir, partitions)
      log(
        `Rewrote the recovery store in ${dir} from ${place.partitions.length} to ${partitions} partitions.`,
      )
    }
    return new RecoveryStore(dir, options)
  }

  /**
   * Changes the number of partitions: the live rows are written anew and switched to as one.
   *
   * Killed at any point, the store is the old one or the new one. The flow must not be running.
   */
  static async rewrite(dir: string, partitions: number): Promise<RecoveryStore> {
    checkPartitions(partitions)
    const store = new RecoveryStore(dir, {})
    await inDirectory(dir, () => rewriteStore(dir, partitions))
    return store
  }

  /**
   * Opens and locks every partition, or one worker's share of them; those that were taken over from
   * lost processes among them.
   *
   * @throws LockedPartitionError while another run has them, CorruptPartitionError for damage.
   */
  async open(host: StoreHost, share: StoreShare = WHOLE): Promise<readonly RecoveryPartition[]> {
    return inDirectory(this.dir, async () => {
      const partitions = await partitionsIn(this.dir)
      const own = partitions.filter((_, at) => at % share.of === share.index)
      const opened = await openPartitions(own, { host, backupInterval: this.backupInterval })
      if (this.archive === null || opened.length === 0) return opened
      return openArchived(opened, { directory: this.dir, place: this.archive, host })
    })
  }
}

/** One of several equal parts of a store, for as many workers that open it apart. */
export interface StoreShare {
  readonly index: number
  readonly of: number
}

const WHOLE: StoreShare = { index: 0, of: 1 }

const partitionsIn = async (dir: string): Promise<readonly PartitionPlace[]> => {
  const { partitions } = await findStore(dir)
  const taken = await takenStores(dir)
  const theirs = await Promise.all(taken.map((store) => findStore(takenPath(dir, store))))
  return [...partitions, ...theirs.flatMap((each) => each.partitions)]
}

/** Tells stores apart that one cluster uses: 64 bits of chance. */
const newStoreId = (): string =>
  [0, 1, 2, 3]
    .map(() =>
      Math.floor(systemRuntime.random() * 0x10000)
        .toString(16)
        .padStart(4, '0'),
    )
    .join('')

const isToBeMade = async (dir: string): Promise<boolean> => {
  const entries = await inDirectory(dir, () => directoryEntries(dir))
  return entries === null || isVacant(entries) || isHalfMade(entries)
}

/**
 * Makes the store, or waits for another process of the flow that was given the same directory and
 * makes it at this moment: `null` once that has.
 */
const initOnce = async (
  dir: string,
  count: number,
  options: RecoveryStoreOptions,
): Promise<RecoveryStore | null> => {
  for (const until = systemRuntime.monotonic() + MAKING; ; ) {
    const store = await RecoveryStore.init(dir, count, options).catch((error: unknown) =>
      doneElsewhere(dir, error, until),
    )
    if (store !== false) return store
    await new Promise<void>((resolve) => {
      systemRuntime.after(LOOK, resolve)
    })
  }
}

/** `null` where another process has made the store, `false` where it is about to. */
const doneElsewhere = async (dir: string, error: unknown, until: number): Promise<null | false> => {
  if (!(error instanceof RecoveryError)) throw error
  if (!(await isToBeMade(dir))) return null
  if (error instanceof LockedPartitionError && systemRuntime.monotonic() < until) return false
  throw error
}

const checkUnused = async (dir: string): Promise<void> => {
  const entries = (await directoryEntries(dir)) ?? []
  if (!isUsed(entries) || isHalfMade(entries)) return
  throw new RecoveryError(
    `The directory ${dir} holds a recovery store already. Open it, or name another directory; to ` +
      'begin anew without its state, remove the directory.',
  )
}

const checkPartitions = (partitions: number): void => {
  if (Number.isInteger(partitions) && partitions >= 1 && partitions <= MOST_PARTITIONS) return
  throw new RecoveryError(
    `A recovery store has 1 to ${MOST_PARTITIONS} partitions, not ${partitions}.`,
  )
}

const backupMillis = (interval: DurationLike): number => {
  const millis = durationMillis(interval)
  if (millis >= 0) return millis
  throw new RecoveryError(
    'The backup interval is no length of time: give milliseconds or { hours: 1 }.',
  )
}

const notEmpty = (dir: string): string =>
  `The directory ${dir} is not empty and holds no recovery store: none is made among other files. Name ` +
  `an empty directory, or make one on purpose with \`tidemark recovery init ${join(dir, 'state')} 4\`.`
