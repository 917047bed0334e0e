import { ConnectorError } from '../../lib/errors/errors.ts'
import { WriteAheadPartition } from '../../lib/flow/sink.ts'
import type { Database, Query } from './driver.ts'
import { insertRows, type Row, type Target } from './insert.ts'

/** Where a slot's fence and marker lie. */
export interface SlotPlace {
  readonly step: string
  readonly slot: string
  readonly execution: number
  /** The quoted table of markers. */
  readonly markers: string
  /** Whether the marker means anything to this run: without a store, epochs begin anew each time. */
  readonly recovery: boolean
}

/**
 * One slot of a table's output: its rows and its marker change in one transaction, which holds the
 * slot's line in the table of markers.
 */
export class PostgresSlot<T> extends WriteAheadPartition<T> {
  readonly #database: Database
  readonly #place: SlotPlace
  readonly #target: Target
  readonly #closed: () => Promise<void>

  constructor(
    database: Database,
    ends: {
      readonly place: SlotPlace
      readonly target: Target
      readonly closed: () => Promise<void>
    },
  ) {
    super()
    this.#database = database
    this.#place = ends.place
    this.#target = ends.target
    this.#closed = ends.closed
  }

  override async fence(execution: number): Promise<void> {
    const { step, slot, markers, recovery } = this.#place
    const found = await this.#database.transaction(async (query) => {
      await makeTable(query, markers)
      return query(
        `INSERT INTO ${markers} AS old (step, slot, execution) VALUES ($1, $2, $3)
         ON CONFLICT (step, slot) DO UPDATE
         SET execution = excluded.execution${recovery ? '' : ', epoch = NULL'}
         ${recovery ? 'WHERE old.execution <= excluded.execution' : ''}
         RETURNING execution`,
        [step, slot, execution],
      )
    })
    if (found.length === 0) throw this.#fenced(execution)
  }

  override async delivered(): Promise<number | null> {
    const { epoch } = await this.#database.transaction((query) => this.#read(query))
    return epoch
  }

  override async deliver(epoch: number, items: T[]): Promise<void> {
    const { step, slot, execution, markers } = this.#place
    await this.#database.transaction(async (query) => {
      const moved = await query(
        `UPDATE ${markers} SET epoch = $4
         WHERE step = $1 AND slot = $2 AND execution = $3 AND (epoch IS NULL OR epoch < $4)
         RETURNING epoch`,
        [step, slot, execution, epoch],
      )
      if (moved.length > 0) {
        await insertRows(query, items.map(rowOf), this.#target)
        return
      }
      const found = await this.#read(query)
      if (found.execution !== execution) throw this.#fenced(execution)
    })
  }

  override close(): Promise<void> {
    return this.#closed()
  }

  async #read(query: Query): Promise<{ execution: number | null; epoch: number | null }> {
    const { step, slot, markers } = this.#place
    const [row] = await query(
      `SELECT execution, epoch FROM ${markers} WHERE step = $1 AND slot = $2`,
      [step, slot],
    )
    return { execution: numberOf(row?.['execution']), epoch: numberOf(row?.['epoch']) }
  }

  #fenced(execution: number): ConnectorError {
    const { step, slot, markers } = this.#place
    return new ConnectorError(
      `Slot ${slot} of step "${step}" is written by a later execution than this one (${execution}): another process runs the flow, or its recovery store was replaced by an older or new one. Stop one of them; or, to begin anew, delete the lines of step "${step}" from ${markers}.`,
    )
  }
}

/** Two that make it at the same moment would fail on one another. */
const makeTable = async (query: Query, markers: string): Promise<void> => {
  await query('SELECT pg_advisory_xact_lock(7310868735414723)')
  await query(
    `CREATE TABLE IF NOT EXISTS ${markers} (step text, slot text, execution bigint NOT NULL, epoch bigint, PRIMARY KEY (step, slot))`,
  )
}

/** The value of a keyed item, or the item. */
const rowOf = (item: unknown): Row => (Array.isArray(item) ? item[1] : item) as Row

const numberOf = (value: unknown): number | null =>
  value === null || value === undefined ? null : Number(value)
