/** A key and its value, as a table holds them. */
export interface TableEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** A value to set, or with `null` to remove. */
export interface Change {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** Keys from `from` on, before `below`, in the order of their bytes. */
export interface KeyRange {
  readonly from: Uint8Array
  readonly below: Uint8Array
}

/** The little that a recovery partition asks of a database: ordered keys, atomic batches. */
export interface Table {
  get(key: Uint8Array): Promise<Uint8Array | null>
  /** Entries from the last key to the first, some at a time. */
  descend(range: KeyRange): AsyncIterable<readonly TableEntry[]>
  /** The keys of a range, some at a time. */
  keys(range: KeyRange): AsyncIterable<readonly Uint8Array[]>
  /** All of the changes or none; with `sync` they are on the disk before it resolves. */
  write(changes: readonly Change[], options: { readonly sync: boolean }): Promise<void>
  /** Gives the room of removed entries back. */
  compact(range: KeyRange): Promise<void>
  close(): Promise<void>
}
