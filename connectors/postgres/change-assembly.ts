import { ConnectorError } from '../../lib/errors/errors.ts'
import type { PostgresChange } from './change.ts'
import { lsnText } from './lsn.ts'
import type { LogicalMessage, OldTuple, Relation, RelationColumn, Tuple } from './pgoutput.ts'

/** Reads a value of a column's type from text. */
export type ReadValue = (text: string) => unknown

/** A place in the order of commits: all before `lsn` is done, and `index` changes of what commits there. */
export interface LogPlace {
  readonly lsn: bigint
  readonly index: number
}

/** A change and the place behind it; without a change, only the place has moved. */
export interface Arrived {
  readonly change: PostgresChange | null
  readonly place: LogPlace
}

interface KnownRelation extends Relation {
  readonly readers: readonly ReadValue[]
}

type Row = Readonly<Record<string, unknown>>

interface Transaction {
  readonly lsn: bigint
  readonly text: string
  readonly commitTime: number
  /** Changes of it that were handed over before, and are sent again. */
  readonly known: number
  index: number
}

/**
 * Makes changes of the messages of one replication connection.
 *
 * L1. Transactions come in the order of their commits, each as a whole, and the server sends one again
 *     in the same way: so how many of its changes were seen is enough to go on amid it.
 * L2. A column that was not sent is named as unchanged; no value is made up for it.
 */
export class ChangeAssembly {
  readonly #readerOf: (type: number) => ReadValue
  readonly #relations = new Map<number, KnownRelation>()
  #transaction: Transaction | null = null
  #place: LogPlace

  constructor(place: LogPlace, readerOf: (type: number) => ReadValue) {
    this.#place = place
    this.#readerOf = readerOf
  }

  /** Behind everything that was given. */
  get place(): LogPlace {
    return this.#place
  }

  /** Where the transaction commits that is being read; `null` between two. */
  get commitLsn(): bigint | null {
    return this.#transaction?.lsn ?? null
  }

  take(message: LogicalMessage): readonly Arrived[] {
    if (message.kind === 'begin') return this.#begin(message.commitLsn, message.commitTime)
    if (message.kind === 'commit') return this.#commit(message.endLsn)
    if (message.kind === 'relation') return this.#learn(message.relation)
    if (message.kind === 'other') return []
    const transaction = this.#transaction
    if (transaction === null) throw wrong(`a ${message.kind} outside of a transaction`)
    const ids = message.kind === 'truncate' ? message.relations : [message.relation]
    return ids.flatMap((id) => this.#change(message, this.#known(id), transaction))
  }

  /** The server has nothing that commits before `lsn` and was not sent. */
  reached(lsn: bigint): readonly Arrived[] {
    if (this.#transaction !== null || lsn <= this.#place.lsn) return []
    return [this.#moved({ lsn, index: 0 })]
  }

  #begin(lsn: bigint, commitTime: number): readonly Arrived[] {
    if (this.#transaction !== null) throw wrong('a transaction within another')
    const { lsn: from, index } = this.#place
    const ofLast = lsn === from ? index : 0
    const known = lsn < from ? Number.POSITIVE_INFINITY : ofLast
    this.#transaction = { lsn, text: lsnText(lsn), commitTime, known, index: 0 }
    return []
  }

  #commit(endLsn: bigint): readonly Arrived[] {
    if (this.#transaction === null) throw wrong('the end of a transaction that has no beginning')
    this.#transaction = null
    return this.reached(endLsn)
  }

  #learn(relation: Relation): readonly Arrived[] {
    const readers = relation.columns.map(({ type }) => this.#readerOf(type))
    this.#relations.set(relation.id, { ...relation, readers })
    return []
  }

  #known(id: number): KnownRelation {
    const relation = this.#relations.get(id)
    if (relation === undefined) throw wrong(`a change of table ${id}, of which it told nothing`)
    return relation
  }

  #change(
    message: Exclude<LogicalMessage, { kind: 'begin' | 'commit' | 'relation' | 'other' }>,
    relation: KnownRelation,
    transaction: Transaction,
  ): readonly Arrived[] {
    const { lsn, text, commitTime, known } = transaction
    const { index } = transaction
    transaction.index += 1
    if (index < known) return []
    const { schema, table } = relation
    const at = { schema, table, lsn: text, index, commitTime }
    return [this.#moved({ lsn, index: index + 1 }, { ...rowsOf(message, relation), ...at })]
  }

  #moved(place: LogPlace, change: PostgresChange | null = null): Arrived {
    this.#place = place
    return { change, place }
  }
}

type Rows =
  | { readonly op: 'insert'; readonly after: Row }
  | {
      readonly op: 'update'
      readonly before?: Row
      readonly after: Row
      readonly unchanged?: readonly string[]
    }
  | { readonly op: 'delete'; readonly before: Row }
  | { readonly op: 'truncate' }

const rowsOf = (
  message: Exclude<LogicalMessage, { kind: 'begin' | 'commit' | 'relation' | 'other' }>,
  relation: KnownRelation,
): Rows => {
  if (message.kind === 'truncate') return { op: 'truncate' }
  if (message.kind === 'insert') return { op: 'insert', after: rowOf(message.after, relation) }
  if (message.kind === 'delete') return { op: 'delete', before: oldRow(message.before, relation) }
  const unchanged = relation.columns
    .filter((_, at) => message.after[at] === undefined)
    .map(({ name }) => name)
  return {
    op: 'update',
    ...(message.before === null ? {} : { before: oldRow(message.before, relation) }),
    after: rowOf(message.after, relation),
    ...(unchanged.length === 0 ? {} : { unchanged }),
  }
}

/** Of a key only its columns: what is NULL in the others was left out, and is not NULL in the row. */
const oldRow = ({ isKey, values }: OldTuple, relation: KnownRelation): Row =>
  rowOf(values, relation, (column) => !isKey || column.isKey)

const rowOf = (
  values: Tuple,
  { table, columns, readers }: KnownRelation,
  counts: (column: RelationColumn) => boolean = () => true,
): Row => {
  if (values.length !== columns.length) {
    throw wrong(`a row of ${values.length} columns for table "${table}" of ${columns.length}`)
  }
  const row: Record<string, unknown> = {}
  for (const [at, column] of columns.entries()) {
    const value = values[at]
    if (value === undefined || column.name === '__proto__' || !counts(column)) continue
    row[column.name] = value === null ? null : readers[at]?.(value)
  }
  return row
}

const wrong = (what: string): ConnectorError =>
  new ConnectorError(
    `Postgres sent ${what}. Something between the database and the flow changes what is sent, or the server speaks another protocol than pgoutput 1.`,
  )
