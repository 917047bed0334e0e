import type { ArchivePlace } from '../lib/recovery/archive.ts'
import { isTaken, type TakeOver, takeOver } from '../lib/recovery/take-over.ts'

/** How recovery stores pass from processes that are lost to one that is there. */
export interface Estate {
  /** How long a process is to be away before: milliseconds. */
  readonly after: number
  takeOver(store: string): Promise<TakeOver>
  /** What is here and this process's, looked at anew; what another has taken over is given up. */
  stores(): Promise<readonly string[]>
  /** Whether another process has taken over what is here. */
  isLost(): Promise<boolean>
}

/**
 * Of a process that keeps its stores in a directory and an archive.
 *
 * @param from.stores - gives up what is no longer its own, and tells what is
 */
export const archivedEstate = (
  directory: string,
  from: {
    readonly archive: ArchivePlace
    readonly after: number
    readonly stores: () => Promise<readonly string[]>
  },
): Estate => {
  const { archive, after, stores } = from
  return {
    after,
    takeOver: (store) => takeOver(directory, { place: archive, store }),
    stores,
    isLost: () => isTaken(directory, { archive }).catch(() => false),
  }
}
