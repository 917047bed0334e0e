/**
 * Reads the changes of tables of a Postgres database, by logical replication.
 *
 * - **Partitions**: one, named by the slot.
 * - **Position**: where the transaction commits in the write-ahead log, and how many of its changes were
 *   handed over. The slot is confirmed up to a position once it is durable.
 * - **Delivery**: exactly once into the flow's state, in the order of commits.
 * - **Back-pressure**: the socket is not read while the buffer is full; the server keeps its log.
 * - **Needs**: the package `pg`; Postgres 10 or later with `wal_level = logical`, a publication, and a role
 *   that may replicate.
 */
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import {
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
} from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { PostgresChange } from './change.ts'
import type { Arrived, LogPlace } from './change-assembly.ts'
import { ChangeFeed, type FeedSettings } from './change-feed.ts'
import { checkedConnection } from './connection-string.ts'
import { lsnOf, lsnText } from './lsn.ts'

/** All that commits before `lsn` was handed over, and `index` changes of what commits there. */
export interface PostgresChangesPosition {
  readonly lsn: string
  readonly index: number
}

export interface PostgresChangesSourceOptions {
  /** `postgres://user:password@host:port/database`; the role needs REPLICATION. */
  readonly connection: string
  /** The publication, or several, whose tables are followed; they have to be there. */
  readonly publication: string | readonly string[]
  /** The replication slot, of this flow alone; made where it is missing. */
  readonly slot: string
  /** Goes on with what is committed later; else it ends where the log ends at the start. @defaultValue true */
  readonly tail?: boolean
  /** Changes of one batch at most. @defaultValue 1000 */
  readonly batchSize?: number
  /** Changes that may wait. @defaultValue 10000 */
  readonly buffer?: number
  /** Bytes of changes that may wait. @defaultValue 16 MiB */
  readonly bufferBytes?: number
}

const MEBIBYTE = 1024 * 1024

/**
 * Gives each row that is inserted, updated or deleted in the tables of a publication, and each TRUNCATE,
 * in the order in which transactions are committed.
 *
 * Values are as `pg` gives them. `before` is the key of a row, where that is told at all; with
 * `ALTER TABLE ... REPLICA IDENTITY FULL` it is the row. A large value that an update left alone is not
 * sent by Postgres: its column is missing in `after` and named in `unchanged`.
 *
 * A new slot begins where it is made; rows that are there before are not told. Drop the slot when the flow
 * is given up (`SELECT pg_drop_replication_slot('name')`): for a slot that nobody reads the server keeps
 * its log until the disk is full.
 *
 * If the server can't be reached when the flow starts, the flow fails; a connection that is lost later is made
 * again, later and later, for as long as it takes.
 *
 * @throws BuildError for options that can't work, ConnectorError when the server is not set up for it (with
 * what mends that), or changes behind the position are gone
 *
 * @example
 * ```ts
 * flow.input('orders', new PostgresChangesSource({
 *   connection: 'postgres://localhost/shop', publication: 'orders', slot: 'order_flow',
 * }))
 * ```
 */
export class PostgresChangesSource extends FixedPartitionedSource<
  PostgresChange,
  PostgresChangesPosition
> {
  readonly #settings: Omit<FeedSettings, 'runtime'>
  readonly #batchSize: number
  #runtime: Runtime = systemRuntime

  constructor(options: PostgresChangesSourceOptions) {
    super()
    const { publication, slot, tail = true } = options
    const publications = typeof publication === 'string' ? [publication] : publication
    if (publications.length === 0 || publications.includes('')) {
      throw new BuildError('PostgresChangesSource needs the name of a publication.')
    }
    if (!/^[a-z0-9_]{1,63}$/.test(slot)) {
      throw new BuildError(
        `slot must be made of up to 63 small letters, digits and underscores; got "${slot}".`,
      )
    }
    this.#batchSize = positiveCount('batchSize', options.batchSize ?? 1000)
    this.#settings = {
      connection: checkedConnection(options.connection),
      publications,
      slot,
      tail,
      items: positiveCount('buffer', options.buffer ?? 10_000),
      bytes: positiveCount('bufferBytes', options.bufferBytes ?? 16 * MEBIBYTE),
    }
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return [this.#settings.slot]
  }

  override async buildPart(
    _stepId: string,
    _part: string,
    resume: PostgresChangesPosition | null,
  ): Promise<ChangesPartition> {
    const settings = { ...this.#settings, runtime: this.#runtime }
    const feed = await ChangeFeed.open(settings, resume === null ? null : placeOf(resume))
    return new ChangesPartition(feed, this.#batchSize)
  }
}

class ChangesPartition extends StatefulSourcePartition<PostgresChange, PostgresChangesPosition> {
  readonly #feed: ChangeFeed
  readonly #batchSize: number
  #place: LogPlace

  constructor(feed: ChangeFeed, batchSize: number) {
    super()
    this.#feed = feed
    this.#batchSize = batchSize
    this.#place = feed.place
  }

  override nextBatch(): Polled<PostgresChange> | Promise<Polled<PostgresChange>> {
    const polled = this.#feed.arrivals.next(this.#batchSize)
    return polled instanceof Promise ? polled.then((each) => this.#hand(each)) : this.#hand(polled)
  }

  #hand(polled: Polled<Arrived>): Polled<PostgresChange> {
    if (typeof polled === 'symbol') return polled
    const changes: PostgresChange[] = []
    for (const { change, place } of polled) {
      if (change !== null) changes.push(change)
      this.#place = place
    }
    return changes
  }

  override snapshot(): PostgresChangesPosition {
    return { lsn: lsnText(this.#place.lsn), index: this.#place.index }
  }

  override onCommit({ lsn }: PostgresChangesPosition): void {
    this.#feed.confirm(lsnOf(lsn))
  }

  override close(): Promise<void> {
    return this.#feed.close()
  }
}

const placeOf = ({ lsn, index }: PostgresChangesPosition): LogPlace => {
  if (Number.isSafeInteger(index) && index >= 0) return { lsn: lsnOf(lsn), index }
  throw new ConnectorError(`The position ${JSON.stringify({ lsn, index })} is none of this source.`)
}
