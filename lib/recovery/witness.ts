/** How far a partition had come, kept outside of its database. */
export interface Mark {
  readonly execution: number
  /** All rows of earlier epochs were committed. */
  readonly epoch: number
}

/**
 * Remembers beside a database what the database has made durable, so that one that lost the end of
 * its log, or all of it, is told from one that never had more.
 *
 * A mark is written only after what it names is on the disk.
 */
export interface Witness {
  read(): Promise<Mark | null>
  write(mark: Mark, options: { readonly sync: boolean }): Promise<void>
  close(): Promise<void>
}
