/**
 * A store of objects that outlives the host: what recovery partitions are sent to, and come back from.
 *
 * Objects are never changed. `create` is what fences: of two processes that write under one name, one
 * is told.
 */
export interface Archive {
  /** Makes an object, durably; `false` where one of that name is there already. */
  create(name: string, bytes: Uint8Array): Promise<boolean>
  /**
   * The bytes of an object; `null` where there is none.
   *
   * @param limit - the most bytes that it may have; nothing is allocated for a longer one
   * @throws CorruptPartitionError for an object that is longer, or that the store finds damaged
   */
  read(name: string, limit: number): Promise<Uint8Array | null>
  /** The names of all objects that begin with `prefix`, sorted. */
  list(prefix: string): Promise<readonly string[]>
  /** Removes an object; one that is not there is as good as removed. */
  remove(name: string): Promise<void>
  close(): Promise<void>
}

/** Where a thread that has only plain data finds what opens an archive. */
export interface ArchiveModule {
  /** The URL of the module. */
  readonly module: string
  /** The name under which it exports a function that gives an {@link ArchivePlace}. */
  readonly export: string
  /** What that is called with; plain values. */
  readonly args: readonly unknown[]
}

/**
 * An archive that can be opened, as `dirArchive`, `natsArchive` and `s3Archive` name one.
 *
 * @example
 * ```ts
 * await run(flow, { recovery: { dir: './state', archive: { ...dirArchive('/mnt/far'), required: true } } })
 * ```
 */
export interface ArchivePlace {
  /** For messages: `dir:/mnt/far`. Shows no secrets. */
  readonly name: string
  open(): Promise<Archive>
  /** For workers in threads, which open it themselves; without it they can't. */
  readonly remote?: ArchiveModule
  /**
   * An epoch is committed only when it is in the archive, so that a restored store is never behind.
   * @defaultValue false
   */
  readonly required?: boolean
}

/** Names are made of these alone, in parts between slashes: safe as files, subjects and keys. */
const NAME = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/

/** @throws Error for a name that is not one: a mistake in the program. */
export const checkObjectName = (name: string): void => {
  if (NAME.test(name) && name.length <= 200) return
  throw new Error(`${JSON.stringify(name.slice(0, 300))} is no name of an archived object.`)
}

/** How far the archive is behind a partition, and what went wrong; plain data. */
export interface ArchiveFacts {
  /** Durable epochs that are not in the archive. */
  readonly lagEpochs: number
  /** Bytes that wait to be sent. */
  readonly lagBytes: number
  /** Since when there is something that is not in the archive: milliseconds. */
  readonly lagMillis: number
  readonly failures: number
  /** How often a backlog was given up, to be replaced by a full image. */
  readonly dropped: number
  /** Bytes that were sent. */
  readonly sent: number
}
