import type { Pool } from 'pg'
import { ConnectorError } from '../../lib/errors/errors.ts'

/** Milliseconds: for a connection, and for the answer to a query. */
const CONNECT_WITHIN = 10_000
const ANSWER_WITHIN = 60_000
/** Connections that the slots of a sink share. */
const CONNECTIONS = 4

/** One query; its rows as objects by column name. */
export type Query = (
  text: string,
  values?: readonly unknown[],
) => Promise<readonly Record<string, unknown>[]>

/** A database, as the connector sees it. */
export interface Database {
  /** Runs `body` in one transaction; what it throws takes everything back. */
  transaction<R>(body: (query: Query) => Promise<R>): Promise<R>
  close(): Promise<void>
}

/** Connects on demand to what a connection string or the usual PG variables name. */
export const openDatabase = async (connection: string): Promise<Database> => {
  const { default: pg } = await loadDriver()
  const pool = new pg.Pool({
    connectionString: connection,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_WITHIN,
    query_timeout: ANSWER_WITHIN,
    keepAlive: true,
  })
  // An idle connection that breaks is replaced when one is next needed.
  pool.on('error', () => {})
  return new PooledDatabase(pool)
}

class PooledDatabase implements Database {
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  async transaction<R>(body: (query: Query) => Promise<R>): Promise<R> {
    const client = await this.#pool.connect().catch((cause: unknown) => {
      throw databaseError(cause)
    })
    // Between two queries nobody else hears that the connection broke; the next query tells.
    client.on('error', ignore)
    let failure: unknown = null
    try {
      await client.query('BEGIN')
      const result = await body(async (text, values) => {
        const { rows } = await client.query(text, values === undefined ? [] : [...values])
        return rows
      })
      await client.query('COMMIT')
      return result
    } catch (error) {
      failure = error
      throw error instanceof ConnectorError ? error : databaseError(error)
    } finally {
      client.off('error', ignore)
      // What is left of a failed transaction goes with its connection.
      client.release(failure !== null)
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}

const ignore = (): void => {}

const loadDriver = async () => {
  try {
    return await import('pg')
  } catch (cause) {
    throw new ConnectorError('The Postgres connector needs the package "pg": npm install pg.', {
      cause,
    })
  }
}

/** SQLSTATE classes after which trying again may help: connection, rollback, resources, operator, system. */
const PASSING = /^(?:08|40|53|57P|58)/
const SQLSTATE = /^[0-9A-Z]{5}$/

const databaseError = (cause: unknown): ConnectorError => {
  const message = cause instanceof Error ? cause.message : String(cause)
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : null
  // Without a SQLSTATE it was not the database that refused, but the way to it that failed; or a value
  // that can't be sent, which no other try makes any better.
  const refused = code !== null && SQLSTATE.test(code) && !code.startsWith('E')
  const isOurs = cause instanceof TypeError || cause instanceof RangeError
  return new ConnectorError(
    `Postgres: ${message === '' ? (code ?? 'no connection') : message}${refused ? ` (${code})` : ''}`,
    { cause, retryable: refused ? PASSING.test(code) : !isOurs },
  )
}
