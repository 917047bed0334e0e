import type { ArchivePlace } from './archive.ts'
import { ArchivedPartition } from './archived-partition.ts'
import { markDamaged } from './directory.ts'
import type { LogPartition } from './partition.ts'
import type { RecoveryPartition, StoreHost } from './store.ts'

/** Puts partitions that were opened under one connection to their archive; all or none. */
export const openArchived = async (
  opened: readonly LogPartition[],
  {
    directory,
    place,
    host,
    settledAfter,
  }: {
    /** `null` where they do not lie in one. */
    readonly directory: string | null
    readonly place: ArchivePlace
    readonly host: StoreHost
    readonly settledAfter?: number
  },
): Promise<readonly RecoveryPartition[]> => {
  const archive = await place.open().catch(async (error: unknown) => {
    await Promise.all(opened.map((partition) => partition.close()))
    throw error
  })
  let left = opened.length
  try {
    const over = opened.map((partition) =>
      ArchivedPartition.over(partition, {
        archive,
        host,
        required: place.required ?? false,
        ...(settledAfter === undefined ? {} : { settledAfter }),
        damaged: async (error) => {
          if (directory !== null) await markDamaged(directory, error.message)
        },
        closed: async () => {
          left -= 1
          if (left === 0) await archive.close()
        },
      }),
    )
    await Promise.allSettled(over)
    return await Promise.all(over)
  } catch (error) {
    await Promise.all(opened.map((partition) => partition.close()))
    await archive.close()
    throw error
  }
}
