import { resolve } from 'node:path'
import type { Archive, ArchivePlace } from '../lib/recovery/archive.ts'
import { withArchive } from '../lib/recovery/bring-back.ts'
import {
  ALONE,
  type OwnedStore,
  ownedStore,
  type RestoreReport,
  restoreStore,
  verifyArchive,
} from '../lib/recovery/restore.ts'
import { inDirectory } from '../lib/recovery/unusable.ts'
import { archivePlace } from './archive-place.ts'
import { DONE, FAILED, type World } from './exit.ts'
import { UsageError } from './usage-error.ts'

/** What `recovery restore` and `recovery verify` are given; the variables of `run` stand in for it. */
export interface ArchiveFlags {
  readonly archive?: string
  readonly nats?: string
  readonly process?: string
}

/** Makes a recovery directory anew from its archive, and gives the exit code. */
export const restoreRecovery = async (
  dir: string,
  given: ArchiveFlags,
  world: World,
): Promise<number> => {
  const directory = resolve(world.directory, dir)
  return useStore(given, world, async (archive, owned) => {
    const report = await inDirectory(directory, () => restoreStore(directory, { archive, owned }))
    if (report === null) return null
    return [`Restored the recovery store in ${dir}.`, ...linesOf(report)]
  })
}

/** Reads an archive as a whole, and gives the exit code: 0 where it could be restored. */
export const verifyRecovery = (given: ArchiveFlags, world: World): Promise<number> =>
  useStore(given, world, async (archive, owned) => {
    const report = await verifyArchive(archive, owned)
    return report === null ? null : ['The archive is whole.', ...linesOf(report)]
  })

const useStore = async (
  given: ArchiveFlags,
  world: World,
  work: (archive: Archive, owned: OwnedStore) => Promise<readonly string[] | null>,
): Promise<number> => {
  const place = await placeOf(given, world)
  const label = labelOf(given)
  const lines = await withArchive(place, async (archive) => {
    const owned = await ownedStore(archive, label)
    return owned === null ? null : work(archive, owned)
  })
  world.print(
    lines?.join('\n') ??
      `The archive ${place.name} has nothing of ${label === ALONE ? 'a store' : `the store of ${label}`}.`,
  )
  return lines === null ? FAILED : DONE
}

const placeOf = (given: ArchiveFlags, { variables }: World): Promise<ArchivePlace> => {
  const text = given.archive ?? variables['TIDEMARK_ARCHIVE'] ?? ''
  if (text === '') throw new UsageError('Name the archive: --archive dir:<path>.')
  const servers = given.nats ?? variables['TIDEMARK_NATS_URL'] ?? ''
  return archivePlace(text, { servers: servers === '' ? null : servers, variables })
}

const labelOf = ({ process }: ArchiveFlags): string => {
  if (process === undefined) return ALONE
  if (/^\d{1,4}$/.test(process)) return `process-${Number(process)}`
  throw new UsageError(`--process takes the number of a process, from 0; got "${process}".`)
}

const linesOf = (report: RestoreReport): readonly string[] => [
  `flow        ${report.flowId}`,
  `execution   ${report.execution}`,
  `resumes at  epoch ${report.resumeEpoch}`,
  `committed   ${report.certain ? 'nothing that was committed is missing' : 'more may have been committed than is here'}`,
  ...report.partitions.map(
    ({ index, epoch, objects, passedOver }) =>
      `part-${index}      to epoch ${epoch}, ${objects} objects${passedOver === null ? '' : `; ${passedOver}`}`,
  ),
]
