import { rm } from 'node:fs/promises'
import { FencedError } from '../errors/errors.ts'
import type { Archive, ArchivePlace } from './archive.ts'
import { ArchiveLog, Owners } from './archive-log.ts'
import { restoreMissing, withArchive } from './bring-back.ts'
import { findStore, giveUp, takenPath, takenStores } from './directory.ts'
import { type Inheritance, inherit, inheritances } from './heirs.ts'
import { ALONE, type OwnedStore, restoreStore } from './restore.ts'
import { inDirectory } from './unusable.ts'

/** What came of taking a store over. */
export type TakeOver =
  | { readonly kind: 'taken'; readonly resumeEpoch: number }
  /** Nothing was ever kept in it. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'refused'; readonly why: string }

/** Where a process keeps its own store, and what it is called in the archive. */
interface Household {
  readonly archive?: ArchivePlace
  readonly owner?: string
}

const BEHIND = 'the archive may be behind what was committed; one that commits wait for never is'
/** Objects of one that still writes which are waited for before it is left alone. */
const MOST_TRIES = 20

/**
 * Brings the store of a process that was lost into the directory of one that is there.
 *
 * T1. Its logs are ended first: were it alive all the same, its next write would be refused.
 * T2. It is taken only where all that was committed is in the archive.
 * T3. It changes hands in one step, when all of it is here: who keeps it is written in the archive, where the one
 *     that comes back finds it.
 */
export const takeOver = async (
  directory: string,
  { place, store }: { readonly place: ArchivePlace; readonly store: string },
): Promise<TakeOver> =>
  withArchive(place, async (archive) => {
    const before = (await inheritances(archive)).get(store) ?? null
    const owned = before ?? (await Owners.all(archive)).find((each) => each.store === store) ?? null
    if (owned === null) return { kind: 'refused', why: `${place.name} does not know it` }
    const { count } = owned
    const ends = await endLogs(archive, { store, count })
    if (ends !== 'ended') return ends
    const path = takenPath(directory, store)
    const report = await inDirectory(path, () =>
      restoreStore(path, { archive, owned: { store, count } }),
    )
    if (report === null) return { kind: 'empty' }
    if (!report.certain) {
      await rm(path, { recursive: true, force: true })
      return { kind: 'refused', why: BEHIND }
    }
    const { partitions } = await inDirectory(directory, () => findStore(directory))
    const by = partitions[0]?.identity.store ?? ''
    const number = (before?.number ?? -1) + 1
    if (await inherit(archive, { store, count, by, number })) {
      return { kind: 'taken', resumeEpoch: report.resumeEpoch }
    }
    await rm(path, { recursive: true, force: true })
    return { kind: 'refused', why: 'another process has taken it over meanwhile' }
  })

/** Whether another process keeps a store that lies here. */
export const isTaken = async (
  directory: string,
  { archive: place }: Household,
): Promise<boolean> => {
  if (place === undefined) return false
  const { own, all } = await storesIn(directory)
  if (own === null) return false
  return withArchive(place, async (archive) => {
    const heirs = await inheritances(archive)
    return all.some((store) => !isKept(heirs, store, own))
  })
}

/** Sets the own store aside where another process has taken it over (T3). */
export const giveUpTaken = async (
  directory: string,
  household: Household,
  log: (message: string) => void,
): Promise<void> => {
  const kept = await keptBeside(directory, household)
  if (kept === null) return
  const { place, own } = kept
  const heir = await withArchive(place, async (archive) => (await inheritances(archive)).get(own))
  if (heir === undefined || heir.by === own) return
  const aside = await giveUp(directory)
  log(
    `While this process was away, another one took its recovery partitions over (store ${own}): it keeps them ` +
      `beside store ${heir.by}. What was in ${directory} is out of date; it was set aside in ${aside} and can be removed.`,
  )
}

/** Has the stores here that this process has taken over, and no others. */
export const keepTaken = async (
  directory: string,
  household: Household,
  log: (message: string) => void,
): Promise<void> => {
  const kept = await keptBeside(directory, household)
  if (kept === null) return
  const { place, own } = kept
  await withArchive(place, async (archive) => {
    const heirs = await inheritances(archive)
    for (const store of await takenStores(directory)) {
      if (isKept(heirs, store, own)) continue
      const aside = await giveUp(directory, { taken: store })
      log(`Another process keeps store ${store} now; its copy here was set aside in ${aside}.`)
    }
    for (const { store, count, by } of heirs.values()) {
      if (by !== own || store === own) continue
      await restoreMissing(
        takenPath(directory, store),
        { place, archive, owned: { store, count } },
        log,
      )
    }
  })
}

/** The own store and its archive, where other processes may take it over; else `null`. */
const keptBeside = async (
  directory: string,
  { archive: place, owner = ALONE }: Household,
): Promise<{ readonly place: ArchivePlace; readonly own: string } | null> => {
  if (place === undefined || owner === ALONE) return null
  const { own } = await storesIn(directory)
  return own === null ? null : { place, own }
}

/** A store that nobody has taken over is where it was made; a taken one, where it was written down. */
const isKept = (
  heirs: ReadonlyMap<string, Inheritance>,
  store: string,
  own: string | null,
): boolean => (heirs.get(store)?.by ?? store) === own

const storesIn = async (
  directory: string,
): Promise<{ readonly own: string | null; readonly all: readonly string[] }> => {
  const place = await findStore(directory).catch(() => null)
  const own = place?.partitions[0]?.identity.store ?? null
  const taken = await takenStores(directory)
  return { own, all: own === null ? taken : [own, ...taken] }
}

const endLogs = async (
  archive: Archive,
  { store, count }: OwnedStore,
): Promise<'ended' | Exclude<TakeOver, { readonly kind: 'taken' }>> => {
  const logs = Array.from(
    { length: count },
    (_, index) => new ArchiveLog(archive, { store, index, count }),
  )
  const known = await Promise.all(logs.map((log) => log.end()))
  const begun = logs.filter((_, index) => known[index] !== null)
  if (begun.length === 0) return { kind: 'empty' }
  for (const log of begun) {
    const why = await endLog(log)
    if (why !== null) return { kind: 'refused', why }
  }
  return 'ended'
}

/** Takes the next place in a log (T1); `null`, or why it was not done. */
const endLog = async (log: ArchiveLog): Promise<string | null> => {
  for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
    const last = await log.end()
    if (last === null) return null
    if (!last.certain) {
      return BEHIND
    }
    if (last.kind === 'end') return null
    const { sequence, chain, last: entry } = last
    const end = {
      ...last,
      kind: 'end' as const,
      sequence: sequence + 1,
      first: entry + 1,
      image: null,
      executions: null,
      collected: 0,
      chain: { ...chain, objects: chain.objects + 1 },
    }
    try {
      await log.append(end, [])
      return null
    } catch (error) {
      // It wrote just now: what it wrote goes along.
      if (!(error instanceof FencedError)) throw error
    }
  }
  return 'its process still writes to the archive'
}
