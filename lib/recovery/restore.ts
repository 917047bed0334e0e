import { CorruptPartitionError, RecoveryError } from '../errors/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { systemRuntime } from '../runtime/system.ts'
import type { Archive } from './archive.ts'
import { ArchiveLog, Owners } from './archive-log.ts'
import { type Replayed, type ReplayTarget, replay } from './archive-replay.ts'
import { allBlocks } from './block-key.ts'
import { finishMaking, makeAlone, makePartitions, setAside } from './directory.ts'
import { type Identity, type Manifest, newManifest, withBlocks } from './manifest.ts'
import type { Table } from './table.ts'

/** A store in an archive. */
export interface OwnedStore {
  readonly store: string
  readonly count: number
}

/** What came back from an archive, or would. */
export interface RestoreReport extends OwnedStore {
  readonly flowId: string
  /** The execution that wrote last, and the epoch that a run would resume at. */
  readonly execution: number
  readonly resumeEpoch: number
  /** Whether the archive had all that was committed. */
  readonly certain: boolean
  readonly partitions: readonly {
    readonly index: number
    /** Everything before this epoch is in the archive. */
    readonly epoch: number
    readonly objects: number
    /** Why its newest image was passed over for the one before. */
    readonly passedOver: string | null
  }[]
}

/**
 * Which store was kept by whom: by its own label, or the only one where nothing says which.
 *
 * @param label - `alone`, or the place of a process in a cluster, which never takes another's
 */
export const ownedStore = async (archive: Archive, label: string): Promise<OwnedStore | null> => {
  const own = await new Owners(archive, label).find()
  if (own !== null || label !== ALONE) return own
  const all = await Owners.all(archive)
  const [only] = all
  if (all.length > 1) {
    throw new RecoveryError(
      `The archive has ${all.length} stores, of processes of a cluster (${all.map(({ owner }) => owner).join(', ')}): ` +
        'each restores its own when it starts, or by `tidemark recovery restore --process <i>`.',
    )
  }
  return only ?? null
}

export const ALONE = 'alone'

/** Reads a store in an archive as a restore would, without writing anything. */
export const verifyArchive = async (
  archive: Archive,
  owned: OwnedStore,
): Promise<RestoreReport | null> => {
  const nothing: ReplayTarget = { restart: async () => {}, take: async () => {} }
  const found: (Replayed | null)[] = []
  for (let index = 0; index < owned.count; index++) {
    found.push(await replay(new ArchiveLog(archive, { ...owned, index }), nothing))
  }
  return reportOf(owned, found)
}

/**
 * Makes a recovery directory anew from an archive; what a store left in it is set aside, not removed.
 *
 * Killed at any point, the directory counts as half made and the next try begins anew.
 *
 * @returns `null` where the archive has nothing of the store
 * @throws CorruptPartitionError for damage that leaves anything in doubt
 */
export const restoreStore = async (
  directory: string,
  from: { readonly archive: Archive; readonly owned: OwnedStore; readonly runtime?: Runtime },
): Promise<RestoreReport | null> => {
  const { archive, owned, runtime = systemRuntime } = from
  // Read whole before anything is touched: damage leaves the directory as it was.
  const report = await verifyArchive(archive, owned)
  if (report === null) return null
  await makeAlone(directory, async () => {
    await setAside(directory)
    await makePartitions(directory, {
      ...owned,
      runtime,
      fill: (table, identity) =>
        fill(table, {
          log: new ArchiveLog(archive, identity),
          identity,
          resumeEpoch: report.resumeEpoch,
          uncertain: !report.certain,
        }),
    })
    await finishMaking(directory)
  })
  return report
}

/** Writes what a log gives into an empty table, and gives the manifest of that. */
const fill = async (
  table: Table,
  from: {
    readonly log: ArchiveLog
    readonly identity: Identity
    readonly resumeEpoch: number
    readonly uncertain: boolean
  },
): Promise<Manifest> => {
  let manifest = newManifest(from.identity)
  let next = 0
  const found = await replay(
    from.log,
    {
      restart: async () => {
        manifest = newManifest(from.identity)
        await clear(table)
      },
      take: async (blocks) => {
        await table.write(
          blocks.map(({ key, bytes }) => ({ key: key.raw, value: bytes })),
          { sync: false },
        )
        manifest = withBlocks(manifest, blocks)
        next = blocks.reduce((most, { key }) => Math.max(most, key.sequence + 1), next)
      },
    },
    { before: from.resumeEpoch },
  )
  if (found === null) return manifest
  const { flowId, executions, frontier, collected } = found
  const doubt = from.uncertain ? { uncertain: true } : {}
  return { ...manifest, sequence: next, flowId, executions, frontier, collected, ...doubt }
}

const clear = async (table: Table): Promise<void> => {
  for await (const keys of table.keys(allBlocks)) {
    await table.write(
      keys.map((key) => ({ key, value: null })),
      { sync: false },
    )
  }
}

const reportOf = (owned: OwnedStore, found: readonly (Replayed | null)[]): RestoreReport | null => {
  const whole = found.filter((each) => each !== null)
  const [first] = whole
  if (first === undefined) return null
  checkComplete(found)
  const newest = whole.reduce((best, each) => (numberOf(each) > numberOf(best) ? each : best))
  const execution = numberOf(newest)
  const began = newest.executions.at(-1)?.resumeEpoch ?? 1
  return {
    ...owned,
    flowId: first.flowId,
    execution,
    resumeEpoch: Math.min(
      ...whole.map(({ frontier }) =>
        frontier.execution === execution ? frontier.epoch : Math.min(frontier.epoch, began),
      ),
    ),
    certain: whole.every(({ certain }) => certain),
    partitions: found.map((each, index) => ({
      index,
      epoch: each?.frontier.epoch ?? 0,
      objects: each?.objects ?? 0,
      passedOver: each?.passedOver ?? null,
    })),
  }
}

const numberOf = ({ executions }: Replayed): number => executions.at(-1)?.execution ?? -1

/** A log that is empty beside others that are not never began, or is gone. */
const checkComplete = (found: readonly (Replayed | null)[]): void => {
  const gone = found.indexOf(null)
  const progressed = found.some(
    (each) =>
      each !== null &&
      (each.executions.length > 1 || each.frontier.epoch > (each.executions[0]?.resumeEpoch ?? 0)),
  )
  if (gone === -1 || !progressed) return
  throw new CorruptPartitionError(
    `The archive has nothing of part-${gone}, and has other partitions of the store: its objects are gone. ` +
      'Put the archive back from a copy; without all of them nothing is restored.',
  )
}
