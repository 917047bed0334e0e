import { ConnectorError } from '../../lib/errors/errors.ts'
import type { Query } from './driver.ts'

/** A row as it is read here. */
export type Row = Readonly<Record<string, unknown>>

/** A row to be written, values by column name: an object of any interface that is no list. */
export type PostgresRow = Row | (object & { readonly [Symbol.iterator]?: never })

/** Rows of one statement. */
const ROWS = 1000

/** Where rows go: the quoted table, and the columns by which one replaces another. */
export interface Target {
  readonly table: string
  readonly key: readonly string[]
}

/**
 * Writes rows in order. Neighbours with the same columns share a statement; of rows with one key the
 * last counts.
 */
export const insertRows = async (
  query: Query,
  rows: readonly Row[],
  target: Target,
): Promise<void> => {
  let from = 0
  while (from < rows.length) {
    const columns = columnsOf(rows[from])
    let until = from + 1
    while (until < rows.length && until - from < ROWS && sameColumns(columns, rows[until])) {
      until += 1
    }
    const text = statementOf(columns, target)
    const batch = newestByKey(rows.slice(from, until), target.key)
    await query(text, [jsonOf(batch)])
    from = until
  }
}

/** An identifier, perhaps with its schema before it, in quotes. */
export const quotedTable = (name: string): string => name.split('.').map(quoted).join('.')

/** An identifier in quotes: whatever it says, it names a thing. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

const columnsOf = (row: unknown): readonly string[] => {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw new ConnectorError(
      `PostgresSink takes objects, values by column name; got ${row === null ? 'null' : typeof row}. Make rows of the items before, for example with map.`,
    )
  }
  const columns = Object.keys(row)
  if (columns.length === 0) throw new ConnectorError('PostgresSink got a row without columns.')
  return columns
}

const sameColumns = (columns: readonly string[], row: unknown): boolean => {
  const own = columnsOf(row)
  return own.length === columns.length && own.every((name, at) => name === columns[at])
}

const statementOf = (columns: readonly string[], { table, key }: Target): string => {
  const names = columns.map(quoted).join(', ')
  const insert = `INSERT INTO ${table} (${names}) SELECT ${names} FROM json_populate_recordset(NULL::${table}, $1::json)`
  if (key.length === 0) return insert
  const rest = columns.filter((name) => !key.includes(name)).map(quoted)
  const change =
    rest.length === 0
      ? 'NOTHING'
      : `UPDATE SET ${rest.map((name) => `${name} = excluded.${name}`).join(', ')}`
  return `${insert} ON CONFLICT (${key.map(quoted).join(', ')}) DO ${change}`
}

/** One statement may not meet a key twice. */
const newestByKey = (rows: readonly Row[], key: readonly string[]): readonly Row[] => {
  if (key.length === 0) return rows
  const newest = new Map<string, Row>()
  for (const row of rows) {
    const name = JSON.stringify(key.map((column) => plainValue(row[column])))
    newest.delete(name)
    newest.set(name, row)
  }
  return [...newest.values()]
}

const jsonOf = (rows: readonly Row[]): string => {
  try {
    return JSON.stringify(rows.map(plain))
  } catch (cause) {
    throw new ConnectorError(
      `PostgresSink got a row with a value that is not JSON: ${cause instanceof Error ? cause.message : String(cause)}. Make text of bigints inside of objects, and keep cycles out of them.`,
      { cause },
    )
  }
}

const plain = (row: Row): Row =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainValue(value)]))

/** JSON has no such numbers and no bytes; Postgres reads them from text. */
const plainValue = (value: unknown): unknown => {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return value
}
