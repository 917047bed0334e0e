import { BuildError } from '../../lib/errors/errors.ts'
import { quoted } from './insert.ts'

/** Where a source is: the values of the ordered columns in the last row, as Postgres writes them. */
export type PostgresPosition = readonly string[]

/** The names under which ordered columns come beside a row's own: a row can't have one of them. */
const PLACE = 'tidemark_place_'

/** The two statements by which a query is read in order, a page at a time. */
export interface Keyset {
  readonly first: string
  /** Takes a position's values behind the page's size. */
  readonly next: string
}

/**
 * The pages of a query, each behind a position: `(a, b) > ($2, $3)` finds its place by an index, however
 * far in it is. What the position is made of is text, so nothing of it is rounded: Postgres makes a
 * value of the column's own type of it.
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
  const select = `SELECT page.*, ${place} FROM (\n${query}\n) AS page`
  return {
    first: `${select} ORDER BY ${order} LIMIT $1`,
    next: `${select} WHERE (${order}) > (${values}) ORDER BY ${order} LIMIT $1`,
  }
}

/** Splits what a page gave into rows and the position behind the last. */
export const readPage = (
  found: readonly Record<string, unknown>[],
  columns: number,
): { readonly rows: Record<string, unknown>[]; readonly places: (string | null)[][] } => {
  const places: (string | null)[][] = []
  const rows = found.map((row) => {
    const place = Array.from({ length: columns }, (_, at) => row[PLACE + at])
    places.push(place.map((value) => (typeof value === 'string' ? value : null)))
    return Object.fromEntries(
      Object.entries(row).filter(([name]) => !name.startsWith(PLACE) && name !== '__proto__'),
    )
  })
  return { rows, places }
}

/** A statement inside another may not end it. */
export const checkedQuery = (query: string): string => {
  const text = query.trim().replace(/;$/, '').trim()
  if (/^(?:select|with|values|table)\b/i.test(text)) return text
  throw new BuildError(
    `PostgresSource reads a query that begins with SELECT, WITH, VALUES or TABLE; got "${text.slice(0, 60)}".`,
  )
}
