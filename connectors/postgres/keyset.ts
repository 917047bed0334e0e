import { BuildError } from '../../lib/errors/errors.ts'
import { quoted } from './insert.ts'

/** Where a source is: the values of the ordered columns in the last row, as Postgres writes them. */
export type PostgresPosition = readonly string[]

/** The names under which ordered columns come beside a row's own: a row can't have one of them. */
const PLACE = 'tidemark_place_'
/** Whether the row before, if there is one on the page, has the same values in them. */
const TIE = `${PLACE}tie`

/** The two statements by which a query is read in order, a page at a time. */
export interface Keyset {
  readonly first: string
  /** Takes a position's values behind the page's size. */
  readonly next: string
}

/**
 * The pages of a query, each behind a position: `(a, b) > ($2, $3)` finds its place by an index, however
 * far in it is. What the position is made of is text, so nothing of it is rounded: Postgres makes a
 * value of the column's own type of it. Whether two rows tie is asked of Postgres: 1.0 and 1.00 are one
 * value and two texts.
 */
export const keysetOf = (
  query: string,
  orderBy: readonly string[],
  types: readonly string[],
): Keyset => {
  const columns = orderBy.map((name) => `page.${quoted(name)}`)
  const place = columns.map((column, at) => `${column}::text AS ${quoted(PLACE + at)}`).join(', ')
  const order = columns.join(', ')
  const values = types.map((type, at) => `$${at + 2}::text::${type}`).join(', ')
  const kept = orderBy.map((_, at) => quoted(`${PLACE}value_${at}`))
  const asKept = columns.map((column, at) => `${column} AS ${kept[at]}`).join(', ')
  const select = `SELECT page.*, ${place}, ${asKept} FROM (\n${query}\n) AS page`
  const before = kept.map((column) => `lag(${column}) OVER inOrder`).join(', ')
  const paged = (rows: string): string =>
    `SELECT *, (${kept.join(', ')}) = (${before}) AS ${TIE} FROM (${rows}) AS paged WINDOW inOrder AS (ORDER BY ${kept.join(', ')}) ORDER BY ${kept.join(', ')}`
  return {
    first: paged(`${select} ORDER BY ${order} LIMIT $1`),
    next: paged(`${select} WHERE (${order}) > (${values}) ORDER BY ${order} LIMIT $1`),
  }
}

/** What a page gave, and the place of each row; a row that ties with the one before is marked. */
export interface Page {
  readonly rows: Record<string, unknown>[]
  readonly places: (string | null)[][]
  readonly ties: boolean[]
}

/** Splits what a page gave into rows and their places. */
export const readPage = (found: readonly Record<string, unknown>[], columns: number): Page => ({
  rows: found.map((row) =>
    Object.fromEntries(
      Object.entries(row).filter(([name]) => !name.startsWith(PLACE) && name !== '__proto__'),
    ),
  ),
  places: found.map((row) =>
    Array.from({ length: columns }, (_, at) => {
      const value = row[PLACE + at]
      return typeof value === 'string' ? value : null
    }),
  ),
  ties: found.map((row) => row[TIE] === true),
})

/** A statement inside another may not end it. */
export const checkedQuery = (query: string): string => {
  const text = query.trim().replace(/;$/, '').trim()
  if (/^(?:select|with|values|table)\b/i.test(text)) return text
  throw new BuildError(
    `PostgresSource reads a query that begins with SELECT, WITH, VALUES or TABLE; got "${text.slice(0, 60)}".`,
  )
}
