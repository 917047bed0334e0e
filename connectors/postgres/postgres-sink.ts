/**
 * Writes rows to a table of a Postgres database.
 *
 * - **Partitions**: 16 slots; a key keeps its slot, items without a key use one slot a worker.
 * - **Position**: a marker for each slot, in a table beside the rows, written in their transaction.
 * - **Delivery**: exactly once. Rows are kept with the snapshot and written when their epoch is
 *   committed, an epoch late; an outage of any length is waited out.
 * - **Back-pressure**: while the database is away rows are kept up to `stageBytes`, then the flow waits.
 * - **Needs**: the package `pg`; Postgres 9.5 or later.
 */
import { BuildError } from '../../lib/errors/errors.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { WriteAheadSink } from '../../lib/flow/sink.ts'
import { checkedConnection } from './connection-string.ts'
import { type Database, openDatabase } from './driver.ts'
import { type PostgresRow, quotedTable } from './insert.ts'
import { PostgresSlot } from './postgres-slot.ts'

export interface PostgresSinkOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly connection: string
  /** The table, with its schema before a dot if need be; it has to be there. */
  readonly table: string
  /** Columns with a unique index: a row replaces the one with the same values in them. @defaultValue none: every row is added */
  readonly key?: string | readonly string[]
  /** The table that keeps how far each slot is; made when it is missing. @defaultValue `tidemark_slots` */
  readonly markers?: string
  /** Bytes of rows that may wait on each worker while the database is away. @defaultValue 64 MiB */
  readonly stageBytes?: number
}

const STAGE_BYTES = 64 * 1024 * 1024

/**
 * Writes objects, or the object values of a keyed stream, as rows: values by column name.
 *
 * Columns that a row does not name get their default. Dates, numbers, text, booleans, bigints, bytes
 * and whatever is JSON go into columns of such types.
 *
 * Without recovery each run begins anew in the same table: it is then at least once.
 *
 * @throws BuildError for options that can't work, ConnectorError when the database refuses a row, or
 * a slot is written by a later execution
 *
 * @example
 * ```ts
 * counts.output('out', new PostgresSink({ connection, table: 'counts', key: 'word' }))
 * ```
 */
export class PostgresSink extends WriteAheadSink<
  PostgresRow | readonly [key: string, row: PostgresRow]
> {
  override readonly stageBytes: number
  readonly #connection: string
  readonly #table: string
  readonly #key: readonly string[]
  readonly #markers: string
  #recovery = false
  #database: Promise<Database> | null = null
  #slots = 0

  constructor(options: PostgresSinkOptions) {
    super()
    const { connection, table, key = [], markers = 'tidemark_slots' } = options
    const { stageBytes = STAGE_BYTES } = options
    if (table === '' || markers === '') throw new BuildError('PostgresSink needs a table.')
    if (!(stageBytes > 0)) {
      throw new BuildError(`stageBytes must be more than 0; got ${stageBytes}.`)
    }
    this.stageBytes = stageBytes
    this.#connection = checkedConnection(connection)
    this.#table = quotedTable(table)
    this.#key = typeof key === 'string' ? [key] : key
    this.#markers = quotedTable(markers)
  }

  override useRun({ recovery }: RunFacts): void {
    this.#recovery = recovery
  }

  override async build(
    stepId: string,
    slot: string,
    { execution }: { readonly execution: number },
  ): Promise<PostgresSlot<PostgresRow | readonly [key: string, row: PostgresRow]>> {
    this.#database ??= openDatabase(this.#connection)
    this.#slots += 1
    const place = { step: stepId, slot, execution, markers: this.#markers }
    return new PostgresSlot(await this.#database, {
      place: { ...place, recovery: this.#recovery },
      target: { table: this.#table, key: this.#key },
      closed: () => this.#leave(),
    })
  }

  /** The last slot to close shuts the door. */
  async #leave(): Promise<void> {
    this.#slots -= 1
    if (this.#slots > 0) return
    const database = await this.#database
    this.#database = null
    await database?.close()
  }
}
