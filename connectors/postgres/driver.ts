import type { Client, Pool } from 'pg'
import { ConnectorError } from '../../lib/errors/errors.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'

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

/** A connection over which the write-ahead log comes. */
export interface Replication {
  /** Runs a statement, without parameters: before the stream. */
  query(text: string): Promise<readonly Record<string, unknown>[]>
  /**
   * Runs a command that streams, and resolves when the server ends it. What `onData` gets is valid during
   * the call, and what it throws ends the stream.
   */
  stream(
    command: string,
    calls: { readonly onStart: () => void; readonly onData: (bytes: Buffer) => void },
  ): Promise<void>
  send(bytes: Uint8Array): void
  pause(): void
  resume(): void
  /** Reads a value of a type, told by its number, from text. */
  readerOf(type: number): (text: string) => unknown
  /** Says goodbye, and waits a moment for an answer. */
  close(): Promise<void>
  /** Ends it at once. */
  abort(): void
}

/** Connects for replication; `signal` ends the attempt. */
export const openReplication = async (
  connection: string,
  { runtime, signal }: { readonly runtime: Runtime; readonly signal?: AbortSignal },
): Promise<Replication> => {
  const { default: pg } = await loadDriver()
  const config = {
    connectionString: connection,
    connectionTimeoutMillis: CONNECT_WITHIN,
    keepAlive: true,
    replication: 'database',
  }
  const client = new pg.Client(config)
  // Whoever waits for an answer hears of it; between two nobody does.
  client.on('error', ignore)
  const replication = new ClientReplication(client, {
    runtime,
    readerOf: (type) => pg.types.getTypeParser(type, 'text'),
  })
  const abort = (): void => replication.abort()
  signal?.addEventListener('abort', abort)
  try {
    if (signal?.aborted) throw new Error('the source is closed')
    await client.connect()
    return replication
  } catch (cause) {
    replication.abort()
    throw databaseError(cause)
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

const COPY_DATA = 'd'
const COPY_DONE = 'c'
/** A server that is busy is left without its goodbye: milliseconds. */
const LEAVE_WITHIN = 1000

class ClientReplication implements Replication {
  readonly #client: Client
  readonly #runtime: Runtime
  readonly readerOf: (type: number) => (text: string) => unknown
  #streaming: Promise<void> | null = null

  constructor(
    client: Client,
    ends: {
      readonly runtime: Runtime
      readonly readerOf: (type: number) => (text: string) => unknown
    },
  ) {
    this.#client = client
    this.#runtime = ends.runtime
    this.readerOf = ends.readerOf
  }

  async query(text: string): Promise<readonly Record<string, unknown>[]> {
    try {
      const { rows } = await this.#client.query(text)
      return rows
    } catch (cause) {
      throw databaseError(cause)
    }
  }

  async stream(
    command: string,
    { onStart, onData }: { readonly onStart: () => void; readonly onData: (bytes: Buffer) => void },
  ): Promise<void> {
    const { connection } = this.#client
    let failure: unknown = null
    const hear = ({ chunk }: { readonly chunk: Buffer }): void => {
      if (failure !== null) return
      try {
        onData(chunk)
      } catch (error) {
        failure = error
        this.abort()
      }
    }
    connection.once('replicationStart', onStart)
    connection.on('copyData', hear)
    const running = this.#client.query(command)
    this.#streaming = running.then(ignore, ignore)
    try {
      await running
    } catch (cause) {
      throw failure ?? databaseError(cause)
    } finally {
      connection.off('replicationStart', onStart)
      connection.off('copyData', hear)
    }
  }

  send(bytes: Uint8Array): void {
    this.#write(COPY_DATA, bytes)
  }

  pause(): void {
    this.#client.connection.stream.pause()
  }

  resume(): void {
    this.#client.connection.stream.resume()
  }

  async close(): Promise<void> {
    if (this.#streaming !== null) {
      this.resume()
      this.#write(COPY_DONE)
      const timer = this.#runtime.after(LEAVE_WITHIN, () => this.abort())
      await this.#streaming
      timer.cancel()
    }
    this.abort()
  }

  abort(): void {
    this.#client.connection.stream.destroy()
  }

  /** A message of the protocol: its kind, its length with these four bytes, what it holds. */
  #write(kind: string, bytes: Uint8Array = new Uint8Array()): void {
    const { stream } = this.#client.connection
    if (!stream.writable) return
    const head = Buffer.alloc(5)
    head.write(kind, 0, 'latin1')
    head.writeUInt32BE(bytes.length + 4, 1)
    stream.write(Buffer.concat([head, bytes]))
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
/** Five letters, of which those of the system, such as EPIPE, are none. */
const SQLSTATE = /^[0-9A-DF-Z][0-9A-Z]{4}$/

/** The database's own code for what it refused; `null` where it did not. */
export const sqlState = (error: unknown): string | null => {
  const cause = error instanceof ConnectorError ? error.cause : null
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return SQLSTATE.test(code) ? code : null
}

const databaseError = (cause: unknown): ConnectorError => {
  const message = cause instanceof Error ? cause.message : String(cause)
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : null
  // Without a SQLSTATE it was not the database that refused, but the way to it that failed; or a value
  // that can't be sent, which no other try makes any better.
  const refused = code !== null && SQLSTATE.test(code)
  const isOurs = cause instanceof TypeError || cause instanceof RangeError
  return new ConnectorError(
    `Postgres: ${message === '' ? (code ?? 'no connection') : message}${refused ? ` (${code})` : ''}`,
    { cause, retryable: refused ? PASSING.test(code) : !isOurs },
  )
}
