import {
  CorruptPartitionError,
  LockedPartitionError,
  MissingPartitionsError,
  RecoveryError,
} from '../errors/errors.ts'
import { systemRuntime } from '../runtime/system.ts'
import type { Archive, ArchivePlace } from './archive.ts'
import { Owners } from './archive-log.ts'
import {
  directoryEntries,
  findStore,
  giveUp,
  isHalfMade,
  isVacant,
  readDamage,
} from './directory.ts'
import { inheritances } from './heirs.ts'
import { openPartitions } from './open-partition.ts'
import type { RecoveryStoreOptions } from './recovery-store.ts'
import { ALONE, type OwnedStore, ownedStore, type RestoreReport, restoreStore } from './restore.ts'
import type { StoreHost } from './store.ts'
import { inDirectory } from './unusable.ts'

const host: StoreHost = { runtime: systemRuntime, alarm: () => undefined }

/**
 * Restores a directory that is empty or damaged from the archive, where there is one that has its
 * store. A directory that is whole stays as it is.
 */
export const bringBack = async (
  directory: string,
  { archive: place, owner = ALONE }: RecoveryStoreOptions,
  log: (message: string) => void,
): Promise<void> => {
  if (place === undefined) return
  const why = await inDirectory(directory, () => whyRestore(directory))
  if (why === null) return
  const report = await withArchive(place, async (archive) => {
    const owned = await ownedStore(archive, owner)
    if (owned === null) return null
    // One that another process of a cluster has taken over is no longer this one's.
    const heir = owner === ALONE ? undefined : (await inheritances(archive)).get(owned.store)
    if (heir !== undefined && heir.by !== owned.store) return 'given up'
    return inDirectory(directory, () => restoreStore(directory, { archive, owned }))
  })
  if (report === 'given up') await giveUp(directory)
  else if (report !== null) log(restoredMessage(directory, { place, report, why: why.text }))
  else if (why.damage !== null) throw why.damage
}

/** Restores a store that is known to belong into a directory, where it is not there whole. */
export const restoreMissing = async (
  directory: string,
  from: {
    readonly place: ArchivePlace
    readonly archive: Archive
    readonly owned: OwnedStore
  },
  log: (message: string) => void,
): Promise<void> => {
  const { place, archive, owned } = from
  const why = await inDirectory(directory, () => whyRestore(directory))
  if (why === null) return
  const report = await inDirectory(directory, () => restoreStore(directory, { archive, owned }))
  if (report !== null) log(restoredMessage(directory, { place, report, why: why.text }))
  else if (why.damage !== null) throw why.damage
}

/** From now on the archive knows whose store the directory is. */
export const claim = async (
  directory: string,
  { archive: place, owner = ALONE }: RecoveryStoreOptions,
): Promise<void> => {
  if (place === undefined) return
  const { partitions } = await inDirectory(directory, () => findStore(directory))
  const [first] = partitions
  if (first === undefined) return
  const { store, count } = first.identity
  await withArchive(place, (archive) => new Owners(archive, owner).set({ store, count }))
}

/** @throws RecoveryError where the archive can't be used, naming it */
export const withArchive = async <T>(
  place: ArchivePlace,
  work: (archive: Archive) => Promise<T>,
): Promise<T> => {
  try {
    const archive = await place.open()
    try {
      return await work(archive)
    } finally {
      await archive.close()
    }
  } catch (cause) {
    if (cause instanceof RecoveryError) throw cause
    const text = cause instanceof Error ? cause.message : String(cause)
    throw new RecoveryError(
      `The archive ${place.name} can't be used (${text}). What it has must be known before a flow begins: ` +
        'bring it back, or run without it.',
      { cause },
    )
  }
}

const whyRestore = async (
  directory: string,
): Promise<{ readonly text: string; readonly damage: Error | null } | null> => {
  const entries = await directoryEntries(directory)
  if (entries === null || isVacant(entries) || isHalfMade(entries)) {
    return { text: 'was empty', damage: null }
  }
  try {
    const found = await readDamage(directory)
    if (found !== null) throw new CorruptPartitionError(found)
    const { partitions } = await findStore(directory)
    const opened = await openPartitions(partitions, { host, backupInterval: 0 })
    await Promise.all(opened.map((partition) => partition.close()))
    return null
  } catch (error) {
    if (error instanceof LockedPartitionError) return null
    const isDamaged =
      error instanceof CorruptPartitionError || error instanceof MissingPartitionsError
    if (!isDamaged) return null
    return { text: `was damaged (${error.message})`, damage: error }
  }
}

const restoredMessage = (
  directory: string,
  from: {
    readonly place: ArchivePlace
    readonly report: RestoreReport
    readonly why: string
  },
): string => {
  const { place, report, why } = from
  const known = report.certain
    ? 'nothing that was committed is missing'
    : 'the archive may be behind what was committed'
  return (
    `The recovery directory ${directory} ${why}. It was restored from ${place.name}: ${report.count} ` +
    `partitions, to resume at epoch ${report.resumeEpoch}; ${known}.`
  )
}
