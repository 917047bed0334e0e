/** Values by column name, as `pg` gives them. */
type ChangedRow = Readonly<Record<string, unknown>>

/** Which change of which transaction it is; `lsn` and `index` together name it for good. */
export interface PostgresChangePlace {
  readonly schema: string
  readonly table: string
  /** Where its transaction commits in the write-ahead log: `0/16B3748`. */
  readonly lsn: string
  /** Which change of its transaction it is, from 0. */
  readonly index: number
  /** When the transaction was committed: epoch milliseconds. */
  readonly commitTime: number
}

export interface PostgresInsert extends PostgresChangePlace {
  readonly op: 'insert'
  readonly after: ChangedRow
}

export interface PostgresUpdate extends PostgresChangePlace {
  readonly op: 'update'
  /** The key before, where the change is of the key; with `REPLICA IDENTITY FULL` the whole row. */
  readonly before?: ChangedRow
  /** The row, without the columns that are named in `unchanged`. */
  readonly after: ChangedRow
  /** Columns with large values that were not sent, since they did not change. */
  readonly unchanged?: readonly string[]
}

export interface PostgresDelete extends PostgresChangePlace {
  readonly op: 'delete'
  /** The key; with `REPLICA IDENTITY FULL` the whole row. */
  readonly before: ChangedRow
}

/** All rows of a table went at once. */
export interface PostgresTruncate extends PostgresChangePlace {
  readonly op: 'truncate'
}

/** One change of a table's rows. */
export type PostgresChange = PostgresInsert | PostgresUpdate | PostgresDelete | PostgresTruncate
