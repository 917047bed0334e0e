import { databasePath, type PartitionPlace, witnessPath } from './directory.ts'
import { openLevel } from './level.ts'
import { LogPartition, Turns } from './partition.ts'
import type { StoreHost } from './store.ts'
import { WitnessFile } from './witness-file.ts'

export interface OpenOptions {
  readonly host: StoreHost
  /** Milliseconds. */
  readonly backupInterval: number
  readonly turns?: Turns
}

/** Opens and locks partitions, all or none. */
export const openPartitions = async (
  places: readonly PartitionPlace[],
  options: OpenOptions,
): Promise<readonly LogPartition[]> => {
  const turns = new Turns()
  const opened: LogPartition[] = []
  try {
    for (const place of places) opened.push(await openPartition(place, { ...options, turns }))
  } catch (error) {
    await Promise.all(opened.map((partition) => partition.close()))
    throw error
  }
  return opened
}

/** Opens and locks one partition on the disk. */
export const openPartition = (place: PartitionPlace, options: OpenOptions): Promise<LogPartition> =>
  LogPartition.open({
    identity: place.identity,
    place: place.path,
    host: options.host,
    backupInterval: options.backupInterval,
    turns: options.turns ?? new Turns(),
    openTable: () =>
      openLevel({
        directory: databasePath(place.path),
        runtime: options.host.runtime,
        create: false,
      }),
    witness: new WitnessFile(witnessPath(place.path)),
  })
