/**
 * Writes rows to a directory of Parquet files, a file for each slot and epoch, each published as a whole.
 *
 * - **Partitions**: 16 slots; a key keeps its slot, items without a key use one slot a worker.
 * - **Position**: none; what an epoch staged is named in the snapshot.
 * - **Delivery**: exactly once, as of TransactionalFileSink.
 * - **Back-pressure**: the next batch waits until the last was taken; a row group of each slot is in memory.
 * - **Needs**: the package `hyparquet-writer`; a directory whose file system renames atomically.
 */
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { type SlotContext, TransactionalSink } from '../../lib/flow/sink.ts'
import {
  ParquetBytes,
  type ParquetColumns,
  type ParquetRow,
  type ParquetType,
} from './parquet-driver.ts'
import { PublishedDirectory } from './published-directory.ts'
import type { StagedFile, StagedFilePosition, StagedFormat } from './staged-file.ts'

export interface ParquetSinkOptions {
  /** The columns, in order, by the type of what they hold; every one may be NULL. */
  readonly columns: ParquetColumns
  /** Rows of a row group at most. @defaultValue 10000 */
  readonly rowGroupSize?: number
  /** Removes published files that the recovery store knows nothing of, instead of failing. @defaultValue false */
  readonly overwrite?: boolean
}

/** A row, or a key and its row; an interface of a user's has no index signature. */
type Item = object

/**
 * Writes objects, or the object values of a keyed stream, to files `part-<slot>-<epoch>.parquet`.
 *
 * A column that a row does not have is NULL; what a row has beyond the columns is left out. Files are
 * compressed with Snappy. Long epochs (`epochInterval`) make large files.
 *
 * @param dir - the directory; made when it is missing
 * @throws BuildError without columns, ConnectorError when a value does not fit its column, a file can't be
 * written, or a published one does not belong to the flow
 *
 * @example
 * ```ts
 * orders.output('out', new ParquetSink('orders', { columns: { id: 'INT64', sku: 'STRING', made: 'TIMESTAMP' } }))
 * ```
 */
export class ParquetSink extends TransactionalSink<Item, StagedFilePosition> {
  readonly #dir: string
  readonly #columns: ParquetColumns
  readonly #rowGroupSize: number
  readonly #overwrite: boolean
  #recovery = false

  constructor(
    dir: string,
    { columns, rowGroupSize = 10_000, overwrite = false }: ParquetSinkOptions,
  ) {
    super()
    const names = Object.keys(columns)
    if (names.length === 0) throw new BuildError('ParquetSink needs columns.')
    for (const [name, type] of Object.entries(columns)) {
      if (!Object.hasOwn(FITS, type)) {
        throw new BuildError(
          `Column "${name}" can't be "${type}"; it is one of ${Object.keys(FITS).join(', ')}.`,
        )
      }
    }
    this.#dir = dir
    this.#columns = columns
    this.#rowGroupSize = positiveCount('rowGroupSize', rowGroupSize)
    this.#overwrite = overwrite
  }

  override useRun({ recovery }: RunFacts): void {
    this.#recovery = recovery
  }

  override async build(
    _stepId: string,
    slot: string,
    context: SlotContext,
  ): Promise<StagedFile<Item>> {
    const bytes = await ParquetBytes.factory(this.#columns)
    const replaces = this.#overwrite || !this.#recovery
    const directory = new PublishedDirectory(this.#dir, { extension: '.parquet', replaces })
    return directory.open(slot, context, () => new Rows(bytes, this.#columns, this.#rowGroupSize))
  }
}

/** One file; its row groups are made as they fill. */
class Rows implements StagedFormat<Item> {
  readonly #make: () => ParquetBytes
  readonly #columns: readonly (readonly [name: string, type: ParquetType])[]
  readonly #rowGroupSize: number
  #file: ParquetBytes | null = null
  #waiting: ParquetRow[] = []

  constructor(make: () => ParquetBytes, columns: ParquetColumns, rowGroupSize: number) {
    this.#make = make
    this.#columns = Object.entries(columns)
    this.#rowGroupSize = rowGroupSize
  }

  take(items: readonly Item[]): Uint8Array {
    const chunks: Uint8Array[] = []
    for (const item of items) {
      this.#waiting.push(this.#checked(Array.isArray(item) ? item[1] : item))
      if (this.#waiting.length === this.#rowGroupSize) chunks.push(this.#group())
    }
    return Buffer.concat(chunks)
  }

  end(): Uint8Array {
    const last = this.#waiting.length === 0 ? [] : [this.#group()]
    this.#file ??= this.#make()
    return Buffer.concat([...last, this.#file.end()])
  }

  #group(): Uint8Array {
    const rows = this.#waiting
    this.#waiting = []
    this.#file ??= this.#make()
    return this.#file.group(rows)
  }

  #checked(row: unknown): ParquetRow {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      throw new ConnectorError(
        `ParquetSink takes objects, values by column name; got ${row === null ? 'null' : typeof row}. Make rows of the items before, for example with map.`,
      )
    }
    const values = row as ParquetRow
    for (const [name, type] of this.#columns) {
      const value = values[name]
      if (value === undefined || value === null || FITS[type](value)) continue
      throw new ConnectorError(
        `Column "${name}" is ${type} and can't hold ${typeof value === 'object' ? 'this object' : `the ${typeof value} ${String(value)}`}. Convert it before, or give the column another type.`,
      )
    }
    return values
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const FITS: Readonly<Record<ParquetType, (value: unknown) => boolean>> = {
  BOOLEAN: (value) => typeof value === 'boolean',
  INT32: (value) => typeof value === 'number' && (value | 0) === value,
  INT64: (value) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  FLOAT: (value) => typeof value === 'number',
  DOUBLE: (value) => typeof value === 'number',
  STRING: (value) => typeof value === 'string',
  JSON: (value) => typeof value !== 'function' && typeof value !== 'symbol',
  TIMESTAMP: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  BYTE_ARRAY: (value) => value instanceof Uint8Array,
  UUID: (value) => typeof value === 'string' && UUID.test(value),
}
