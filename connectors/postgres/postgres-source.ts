/**
 * Reads the rows of a query of a Postgres database in the order of some of its columns.
 *
 * - **Partitions**: one, named by `name`.
 * - **Position**: the values of the ordered columns in the last row handed over.
 * - **Delivery**: exactly once into the flow's state, of rows that come in order and do not change.
 * - **Back-pressure**: the next page is asked for when the last is handed over.
 * - **Needs**: the package `pg`; Postgres 9.5 or later; for speed an index on the ordered columns.
 */
import { BuildError } from '../../lib/errors/errors.ts'
import { durationOption, positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { FixedPartitionedSource } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { DurationLike } from '../../lib/time/time.ts'
import { checkedConnection } from './connection-string.ts'
import { openDatabase } from './driver.ts'
import { checkedQuery, type PostgresPosition } from './keyset.ts'
import { PostgresPartition } from './postgres-partition.ts'

export interface PostgresSourceOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly connection: string
  /** A SELECT without parameters; it is run read-only, as a part of a larger one. */
  readonly query: string
  /**
   * The column, or the columns together, that order the rows and tell them apart: no two rows may have the
   * same values in them, and none may be NULL. Of two that do, the second is an error or is passed over.
   */
  readonly orderBy: string | readonly string[]
  /** Goes on looking for rows behind the last; the flow has no end. @defaultValue false */
  readonly tail?: boolean
  /** How often to look again when there was nothing new. @defaultValue 1 second */
  readonly pollEvery?: DurationLike
  /** Rows of one page, and of one batch, at most. @defaultValue 1000 */
  readonly batchSize?: number
  /** The name of the partition. @defaultValue `rows` */
  readonly name?: string
}

/**
 * Gives the rows of a query as objects, values by column name, in the order of `orderBy`.
 *
 * Values are as `pg` gives them: `int8` and `numeric` as strings, times as `Date`. The position keeps what
 * Postgres itself writes, so nothing is rounded: bigints and microseconds count in full.
 *
 * A row is found only if it comes behind all that were read. With `tail` use a column that grows in the
 * order of commits: a `serial` that a slower transaction commits later is passed over. Where that can be,
 * let the query leave out the newest rows, for example `WHERE made < now() - interval '5 seconds'`.
 *
 * A connection that is lost is made again, later and later, for as long as it takes. If the first one of a
 * run can't be made, the flow fails.
 *
 * @throws BuildError for options that can't work, ConnectorError when the query is refused, the ordered columns
 * are NULL or tie, or the position is of other columns
 *
 * @example
 * ```ts
 * flow.input('orders', new PostgresSource({
 *   connection: 'postgres://localhost/shop', query: 'SELECT * FROM orders', orderBy: 'id', tail: true,
 * }))
 * ```
 */
export class PostgresSource extends FixedPartitionedSource<
  Record<string, unknown>,
  PostgresPosition | null
> {
  readonly #connection: string
  readonly #query: string
  readonly #orderBy: readonly string[]
  readonly #tail: boolean
  readonly #pollEvery: number
  readonly #batchSize: number
  readonly #name: string
  #runtime: Runtime = systemRuntime

  constructor(options: PostgresSourceOptions) {
    super()
    const { orderBy, tail = false, name = 'rows' } = options
    this.#connection = checkedConnection(options.connection)
    this.#query = checkedQuery(options.query)
    this.#orderBy = typeof orderBy === 'string' ? [orderBy] : orderBy
    if (this.#orderBy.length === 0 || this.#orderBy.includes('')) {
      throw new BuildError('PostgresSource needs the columns that order its rows: orderBy.')
    }
    this.#tail = tail
    this.#pollEvery = durationOption('pollEvery', options.pollEvery ?? 1000)
    this.#batchSize = positiveCount('batchSize', options.batchSize ?? 1000)
    this.#name = name
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return [this.#name]
  }

  override async buildPart(
    _stepId: string,
    _part: string,
    resume: PostgresPosition | null,
  ): Promise<PostgresPartition> {
    const database = await openDatabase(this.#connection)
    return new PostgresPartition(database, resume, {
      query: this.#query,
      orderBy: this.#orderBy,
      every: this.#tail ? this.#pollEvery : null,
      batchSize: this.#batchSize,
      runtime: this.#runtime,
    })
  }
}
