/**
 * A store's directory.
 *
 *     part-0/  ...  part-(n-1)/     the partitions as they were made
 *       identity.json               store, index, count: readable without the lock
 *       committed                   the witness
 *       db/                         LevelDB
 *     damaged-<n>/                  what was set aside before the store was restored from an archive
 *     taken-<store>/                the store of a process that was lost, taken over from an archive
 *     given-up-<n>/                 what was here when another process had taken it over
 *     damaged.json                  here once a load found damage
 *     generation.json               after a rewrite: the partitions lie in generation-<g>/ instead
 *     making.json                   here while partitions are being made: nothing in it counts yet
 *     making.lock/                  held by the process that makes them
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CorruptPartitionError,
  InconsistentPartitionsError,
  LockedPartitionError,
  MissingPartitionsError,
  NoPartitionsError,
} from '../errors/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { readCheckFile, syncDirectory, writeCheckFile } from './check-file.ts'
import { lockLevel, openLevel } from './level.ts'
import { makeDirectory } from './make-directory.ts'
import {
  type Identity,
  type Manifest,
  manifestChange,
  newerFormat,
  newManifest,
  STORE_FORMAT,
} from './manifest.ts'
import { damaged } from './record.ts'
import { missingMessage } from './resume.ts'
import type { Table } from './table.ts'
import { WitnessFile } from './witness-file.ts'

/** A partition on the disk. */
export interface PartitionPlace {
  readonly path: string
  readonly identity: Identity
}

/** A store on the disk. */
export interface StorePlace {
  /** How often its partitions have been rewritten. */
  readonly generation: number
  /** All of its partitions, by index. */
  readonly partitions: readonly PartitionPlace[]
}

const MAKING = 'making.json'
const MAKING_LOCK = 'making.lock'
const GENERATION = 'generation.json'
const PART = /^part-(0|[1-9]\d*)$/
const GENERATION_DIRECTORY = /^generation-\d+$/
const DAMAGED = 'damaged.json'
/** In which run a process of a cluster is. */
const PROCESS = /^process-\d+(\.new)?$/
const SET_ASIDE = /^(damaged|given-up)-\d+$/
const TAKEN = /^taken-([A-Za-z0-9_-]{1,64})$/

export const databasePath = (partition: string): string => join(partition, 'db')
export const witnessPath = (partition: string): string => join(partition, 'committed')

/** What is in a directory that may not be there; `null` where it is not. */
export const directoryEntries = async (directory: string): Promise<readonly string[] | null> => {
  try {
    return await readdir(directory)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw cause
  }
}

/** Whether a directory holds anything that a store left in it. */
export const isUsed = (entries: readonly string[]): boolean =>
  entries.some((name) => PART.test(name) || GENERATION_DIRECTORY.test(name) || name === GENERATION)

/** Whether a directory holds no store, and nothing but what the engine itself left beside one. */
export const isVacant = (entries: readonly string[]): boolean =>
  entries.every(
    (name) =>
      SET_ASIDE.test(name) ||
      TAKEN.test(name) ||
      PROCESS.test(name) ||
      name === DAMAGED ||
      name === MAKING_LOCK,
  )

/** Where a store lies that was taken over from a process that was lost. */
export const takenPath = (directory: string, store: string): string =>
  join(directory, `taken-${store}`)

/** The stores that were taken over into a directory, sorted. */
export const takenStores = async (directory: string): Promise<readonly string[]> =>
  ((await directoryEntries(directory)) ?? []).flatMap((name) => TAKEN.exec(name)?.[1] ?? []).sort()

/** Remembers that a load found damage. */
export const markDamaged = (directory: string, message: string): Promise<void> =>
  writeCheckFile(join(directory, DAMAGED), { message })

/** What a load found, where one found damage. */
export const readDamage = async (directory: string): Promise<string | null> => {
  const content = await readCheckFile(join(directory, DAMAGED))
  return content === null ? null : String(content['message'])
}

/** Moves what a store left out of the way, keeping it; tells whether there was anything. */
export const setAside = async (directory: string): Promise<boolean> => {
  const entries = (await directoryEntries(directory)) ?? []
  const own = entries.filter(isOwn)
  if (own.length === 0) return false
  const aside = freeName(directory, entries, 'damaged')
  await mkdir(aside)
  for (const name of own) await rename(join(directory, name), join(aside, name))
  return true
}

/** Moves a store out of the way that another process has taken over, and tells where it is now. */
export const giveUp = async (
  directory: string,
  { taken }: { taken?: string } = {},
): Promise<string> => {
  const entries = (await directoryEntries(directory)) ?? []
  const aside = freeName(directory, entries, 'given-up')
  const own = entries.filter(isOwn)
  if (taken !== undefined) {
    await rename(takenPath(directory, taken), aside)
    return aside
  }
  if (own.length > 0) await mkdir(aside)
  for (const name of own) await rename(join(directory, name), join(aside, name))
  return aside
}

const isOwn = (name: string): boolean =>
  PART.test(name) || GENERATION_DIRECTORY.test(name) || name === GENERATION || name === DAMAGED

const freeName = (directory: string, entries: readonly string[], kind: string): string => {
  const numbers = entries
    .filter((name) => SET_ASIDE.test(name))
    .map((name) => Number(name.slice(name.lastIndexOf('-') + 1)))
  return join(directory, `${kind}-${Math.max(0, ...numbers) + 1}`)
}

/** Whether making partitions was begun in a directory and never ended: nothing has used them. */
export const isHalfMade = (entries: readonly string[]): boolean =>
  entries.includes(MAKING) || (entries.includes(MAKING_LOCK) && !isUsed(entries))

/**
 * Finds a store, and checks without opening a database that it is whole.
 *
 * @throws NoPartitionsError, MissingPartitionsError, InconsistentPartitionsError,
 * CorruptPartitionError, each naming what is wrong.
 */
export const findStore = async (directory: string): Promise<StorePlace> => {
  const entries = await directoryEntries(directory)
  if (entries === null) throw new NoPartitionsError(noStore(directory, 'does not exist'))
  if (isHalfMade(entries)) {
    throw new NoPartitionsError(noStore(directory, 'was left while its partitions were being made'))
  }
  const generation = await readGeneration(directory, entries)
  const base = generation === 0 ? directory : join(directory, `generation-${generation}`)
  const names = (await directoryEntries(base))?.filter((name) => PART.test(name)) ?? []
  if (names.length === 0 && generation === 0) {
    throw new NoPartitionsError(
      noStore(directory, entries.length === 0 ? 'is empty' : 'holds no recovery partition'),
    )
  }
  const partitions = await Promise.all(names.map((name) => readPlace(join(base, name), name)))
  partitions.sort((one, other) => one.identity.index - other.identity.index)
  checkStore(base, partitions)
  return { generation, partitions }
}

/**
 * Runs `making` while no other process makes a store in the directory; one that was killed at it
 * holds nothing up.
 *
 * @throws LockedPartitionError while another one does.
 */
export const makeAlone = async (directory: string, making: () => Promise<void>): Promise<void> => {
  const path = join(directory, MAKING_LOCK)
  await makeDirectory(path)
  const release = await lockLevel(path).catch((cause: unknown) => {
    if (!(cause instanceof LockedPartitionError)) throw cause
    throw new LockedPartitionError(
      `Another process is making a recovery store in ${directory}. Wait for it, then open that store; or ` +
        'name another directory.',
      { cause },
    )
  })
  try {
    await making()
  } finally {
    await release()
    await removeLock(directory)
  }
}

/** Only beside a store that is whole: then whoever takes the lock again will make nothing. */
const removeLock = async (directory: string): Promise<void> => {
  const entries = (await directoryEntries(directory)) ?? []
  if (!isUsed(entries) || isHalfMade(entries)) return
  // Another process may be looking at it; what is left of it says nothing.
  await rm(join(directory, MAKING_LOCK), { recursive: true, force: true }).catch(() => undefined)
}

/** Makes empty partitions; until the last is there, the directory counts as half made. */
export const makePartitions = async (
  base: string,
  options: {
    readonly store: string
    readonly count: number
    readonly runtime: Runtime
    /** Writes what is to be in them from the first, and gives the manifest of that. */
    readonly fill?: (table: Table, identity: Identity) => Promise<Manifest>
  },
): Promise<readonly PartitionPlace[]> => {
  await makeDirectory(base)
  await writeCheckFile(join(base, MAKING), { count: options.count })
  for (const name of await readdir(base)) {
    if (PART.test(name)) await rm(join(base, name), { recursive: true })
  }
  const places: PartitionPlace[] = []
  for (let index = 0; index < options.count; index++) {
    const identity = { store: options.store, index, count: options.count }
    const path = join(base, `part-${index}`)
    await makePartition(path, identity, options)
    places.push({ path, identity })
  }
  return places
}

/** Partitions made in `base` count from here on. */
export const finishMaking = async (base: string): Promise<void> => {
  await rm(join(base, MAKING))
  await syncDirectory(base)
}

/** From here on the store's partitions are those of `generation`. */
export const switchGeneration = async (directory: string, generation: number): Promise<void> => {
  await writeCheckFile(join(directory, GENERATION), { generation })
}

/** Removes the partitions of other generations: what a switch left behind. */
export const removeOtherGenerations = async (
  directory: string,
  generation: number,
): Promise<void> => {
  for (const name of (await directoryEntries(directory)) ?? []) {
    const old = GENERATION_DIRECTORY.test(name) && name !== `generation-${generation}`
    if (old || (generation > 0 && PART.test(name))) {
      await rm(join(directory, name), { recursive: true })
    }
  }
}

const makePartition = async (
  path: string,
  identity: Identity,
  {
    runtime,
    fill,
  }: {
    readonly runtime: Runtime
    readonly fill?: (table: Table, identity: Identity) => Promise<Manifest>
  },
): Promise<void> => {
  await mkdir(path)
  const table = await openLevel({ directory: databasePath(path), runtime, create: true })
  let manifest = newManifest(identity)
  try {
    if (fill !== undefined) manifest = await fill(table, identity)
    await table.write([manifestChange(manifest)], { sync: true })
  } finally {
    await table.close()
  }
  await WitnessFile.create(witnessPath(path))
  const { store, index, count, format } = manifest
  await writeCheckFile(join(path, 'identity.json'), { format, store, index, count })
}

const readGeneration = async (directory: string, entries: readonly string[]): Promise<number> => {
  const content = await readCheckFile(join(directory, GENERATION))
  if (content !== null) {
    if (typeof content['generation'] === 'number') return content['generation']
    throw new CorruptPartitionError(`${join(directory, GENERATION)} names no generation.`)
  }
  // A generation that was switched to no longer counts as being made: without the file that names
  // it, what lies beside it may be older.
  for (const name of entries.filter((entry) => GENERATION_DIRECTORY.test(entry))) {
    const inner = (await directoryEntries(join(directory, name))) ?? []
    if (inner.length > 0 && !isHalfMade(inner)) {
      throw new CorruptPartitionError(
        `${join(directory, GENERATION)} is gone, which says that the partitions lie in ${name}. Restore ` +
          'the recovery directory from a backup.',
      )
    }
  }
  return 0
}

const readPlace = async (path: string, name: string): Promise<PartitionPlace> => {
  const content = await readCheckFile(join(path, 'identity.json'))
  if (content === null) throw damaged(path, 'its identity.json is gone')
  const { format, store, index, count } = content
  if (typeof format !== 'number' || format > STORE_FORMAT) throw newerFormat(path, format)
  if (typeof store !== 'string' || typeof index !== 'number' || typeof count !== 'number') {
    throw damaged(path, 'its identity.json does not say which partition it is')
  }
  if (name !== `part-${index}`) {
    throw new InconsistentPartitionsError(
      `${path} holds partition ${index}: it was copied or renamed. Put each partition back in its place.`,
    )
  }
  return { path, identity: { store, index, count } }
}

const checkStore = (base: string, partitions: readonly PartitionPlace[]): void => {
  const [first] = partitions
  if (first === undefined)
    throw new MissingPartitionsError(`${base} holds no recovery partition any more.`)
  const stranger = partitions.find(
    ({ identity }) =>
      identity.store !== first.identity.store || identity.count !== first.identity.count,
  )
  if (stranger !== undefined) {
    throw new InconsistentPartitionsError(
      `${stranger.path} is partition ${stranger.identity.index} of ${stranger.identity.count} of store ` +
        `${stranger.identity.store}, ${first.path} belongs to ${first.identity.store} of ` +
        `${first.identity.count}. Put the directory back as it was, from one backup.`,
    )
  }
  const { count } = first.identity
  const present = new Set(partitions.map(({ identity }) => identity.index))
  const missing = Array.from({ length: count }, (_, index) => index).filter(
    (index) => !present.has(index),
  )
  if (missing.length > 0)
    throw new MissingPartitionsError(`${missingMessage(missing, count)} (${base})`)
}

const noStore = (directory: string, how: string): string =>
  `The recovery directory ${directory} ${how}. Make a store there with ` +
  `\`tidemark recovery init ${directory} <partitions>\` or RecoveryStore.init, or name another one.`
