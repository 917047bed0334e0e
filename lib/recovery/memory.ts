import { LockedPartitionError } from '../errors/errors.ts'
import { type DurationLike, durationMillis } from '../time/time.ts'
import type { ArchivePlace } from './archive.ts'
import { manifestChange, newManifest } from './manifest.ts'
import { MemoryDisk, MemoryTable, type WriteFate } from './memory-table.ts'
import { openArchived } from './open-archived.ts'
import { LogPartition, Turns } from './partition.ts'
import type { RecoveryPartition, Store, StoreHost } from './store.ts'
import type { Mark, Witness } from './witness.ts'

export interface MemoryStoreOptions {
  /** How many partitions it has; 1. */
  readonly partitions?: number
  readonly backupInterval?: DurationLike
  /** What each epoch changed goes there, too. */
  readonly archive?: ArchivePlace
  /** Its id among the stores of a cluster; `memory`. */
  readonly id?: string
  /** Asked before each write of a partition; a promise delays the write. */
  readonly fate?: (partition: number) => WriteFate | Promise<WriteFate>
}

/**
 * Recovery partitions in memory: what a store on a disk does, without the disk.
 *
 * Runs of one object follow each other as runs over one directory do.
 */
export class MemoryStore implements Store {
  readonly #options: MemoryStoreOptions
  readonly #disks: readonly MemoryDisk[]
  readonly #marks: (Mark | null)[]
  #tables: MemoryTable[] = []
  /** Crashes so far: who opened the store before one cannot open a table of it again. */
  #crashes = 0
  readonly #id: string

  constructor(options: MemoryStoreOptions = {}) {
    const { partitions = 1, id = 'memory' } = options
    this.#options = options
    this.#id = id
    this.#marks = Array.from({ length: partitions }, () => null)
    this.#disks = Array.from({ length: partitions }, (_, index) => {
      const disk = new MemoryDisk()
      const { key, value } = manifestChange(newManifest({ store: id, index, count: partitions }))
      disk.put(Buffer.from(key).toString('latin1'), value)
      disk.sync()
      return disk
    })
  }

  async open(host: StoreHost): Promise<readonly RecoveryPartition[]> {
    if (this.#disks.some((disk) => disk.locked)) {
      throw new LockedPartitionError(
        'The store in memory is in use by another run. Stop that one first.',
      )
    }
    const turns = new Turns()
    const opened = await Promise.all(
      this.#disks.map((disk, index) => this.#openPartition(index, { disk, host, turns })),
    )
    const { archive: place } = this.#options
    return place === undefined ? opened : openArchived(opened, { directory: null, place, host })
  }

  /**
   * Ends every open handle as the death of the process would.
   *
   * Unsynced writes are kept, as when only the process dies, or lost, as when the power goes.
   */
  crash(unsynced: 'keep' | 'lose' = 'keep'): void {
    for (const table of this.#tables) table.abandon()
    this.#tables = []
    this.#crashes += 1
    for (const disk of this.#disks) {
      disk.locked = false
      if (unsynced === 'lose') disk.loseUnsynced()
      else disk.sync()
    }
  }

  #openPartition(
    index: number,
    on: { readonly disk: MemoryDisk; readonly host: StoreHost; readonly turns: Turns },
  ): Promise<LogPartition> {
    const crashes = this.#crashes
    return LogPartition.open({
      identity: { store: this.#id, index, count: this.#disks.length },
      place: `part-${index} of the store "${this.#id}" in memory`,
      host: on.host,
      backupInterval: durationMillis(this.#options.backupInterval ?? 0),
      turns: on.turns,
      witness: this.#witness(index),
      openTable: async () => {
        if (this.#crashes !== crashes) throw new Error('The process that opened the store is gone.')
        const table = new MemoryTable(on.disk, () => this.#options.fate?.(index) ?? 'done')
        on.disk.locked = true
        this.#tables.push(table)
        return table
      },
    })
  }

  #witness(index: number): Witness {
    return {
      read: async () => this.#marks[index] ?? null,
      write: async (mark) => {
        this.#marks[index] = mark
      },
      close: async () => undefined,
    }
  }
}
