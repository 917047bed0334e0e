import { ConnectorError } from '../../lib/errors/errors.ts'
import { EOF, type Polled, StatefulSourcePartition } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { Backoff } from '../backoff.ts'
import type { Database, Query } from './driver.ts'
import { quoted } from './insert.ts'
import { type Keyset, keysetOf, type PostgresPosition, readPage } from './keyset.ts'

/** Waits between tries to reach the database: milliseconds. */
const PAUSES = { shortest: 100, longest: 5000 }

export interface PostgresReading {
  readonly query: string
  readonly orderBy: readonly string[]
  /** Milliseconds between two looks when nothing was new; `null` ends there. */
  readonly every: number | null
  readonly batchSize: number
  readonly runtime: Runtime
}

/**
 * The rows of a query behind a position.
 *
 * Q1. A page is asked for behind the last row handed over, in a read-only transaction of its own, so a
 *     connection that is lost costs nothing but the page.
 * Q2. Two rows with one place can't be told apart by a position: a page that has them fails, and a page
 *     is asked for with one row more than it gives, so that no tie hides at its end.
 */
export class PostgresPartition extends StatefulSourcePartition<
  Record<string, unknown>,
  PostgresPosition | null
> {
  readonly #database: Database
  readonly #reading: PostgresReading
  readonly #backoff: Backoff
  #keyset: Keyset | null = null
  #position: PostgresPosition | null
  #awake: number | null = null
  #ended = false
  #reached = false

  constructor(database: Database, position: PostgresPosition | null, reading: PostgresReading) {
    super()
    this.#database = database
    this.#reading = reading
    this.#backoff = new Backoff(reading.runtime, PAUSES)
    this.#position = position
    if (position === null || position.length === reading.orderBy.length) return
    throw new ConnectorError(
      `The position in the recovery store is of ${position.length} columns, and orderBy names ${reading.orderBy.length}. Order by the same columns as before, or start without this recovery store.`,
    )
  }

  override async nextBatch(): Promise<Polled<Record<string, unknown>>> {
    if (this.#ended) return EOF
    this.#awake = null
    try {
      const found = await this.#database.transaction((query) => this.#page(query))
      this.#reached = true
      this.#backoff.reset()
      return this.#taken(found)
    } catch (failure) {
      if (!(failure instanceof ConnectorError && failure.retryable && this.#reached)) throw failure
      this.#awake = this.#reading.runtime.now() + this.#backoff.next()
      return []
    }
  }

  async #page(query: Query): Promise<readonly Record<string, unknown>[]> {
    await query('SET TRANSACTION READ ONLY')
    const { query: text, orderBy, batchSize } = this.#reading
    this.#keyset ??= keysetOf(text, orderBy, await this.#typesOf(query))
    const size = batchSize + 1
    if (this.#position === null) return query(this.#keyset.first, [size])
    return query(this.#keyset.next, [size, ...this.#position])
  }

  /** The types of the ordered columns, as Postgres itself names them in SQL. */
  async #typesOf(query: Query): Promise<readonly string[]> {
    const { query: text, orderBy } = this.#reading
    const columns = orderBy.map((_, at) => `pg_typeof(kinds.v${at})::text AS t${at}`).join(', ')
    const values = orderBy.map((name, at) => `page.${quoted(name)} AS v${at}`)
    const [row] = await query(
      `SELECT ${columns} FROM (SELECT $1::int) AS one LEFT JOIN LATERAL (SELECT ${values.join(', ')} FROM (\n${text}\n) AS page LIMIT 1) AS kinds ON true`,
      // What has a parameter can only be one statement.
      [1],
    )
    return orderBy.map((_, at) => String(row?.[`t${at}`]))
  }

  #taken(found: readonly Record<string, unknown>[]): Polled<Record<string, unknown>> {
    const { orderBy, batchSize, every, runtime } = this.#reading
    const { rows, places, ties } = readPage(found, orderBy.length)
    for (const [at, place] of places.entries()) {
      if (!isPlace(place)) throw this.#wrong('is NULL in a row')
      if (ties[at]) throw this.#wrong(`has the value (${place.join(', ')}) in more than one row`)
      if (at < batchSize) this.#position = place
    }
    if (rows.length > batchSize) return rows.slice(0, batchSize)
    if (every !== null) {
      this.#awake = runtime.now() + every
      return rows
    }
    this.#ended = true
    return rows.length === 0 ? EOF : rows
  }

  #wrong(what: string): ConnectorError {
    return new ConnectorError(
      `What the rows are ordered by, (${this.#reading.orderBy.join(', ')}), ${what}, so a run that resumes there could leave rows out. Name columns in orderBy that together are unique and never NULL.`,
    )
  }

  override nextAwake(): number | null {
    return this.#awake
  }

  override snapshot(): PostgresPosition | null {
    return this.#position
  }

  override async close(): Promise<void> {
    this.#ended = true
    await this.#database.close()
  }
}

const isPlace = (place: readonly (string | null)[]): place is readonly string[] =>
  place.every((value) => value !== null)
