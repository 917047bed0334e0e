/**
 * Reads the rows of one Parquet file.
 *
 * - **Partitions**: one, named by the path (with `fsId`: `fsId::path`).
 * - **Position**: the number of rows handed over; a resumed run opens the row group in which it lies.
 * - **Delivery**: exactly once into the flow's state, since a file can be read again.
 * - **Back-pressure**: the next row group is read when the last is handed over; one is in memory.
 * - **Needs**: the package `hyparquet`.
 */
import { ConnectorError } from '../../lib/errors/errors.ts'
import { positiveCount } from '../../lib/flow/options.ts'
import {
  EOF,
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
} from '../../lib/flow/source.ts'
import { checkInputFile, checkOffset } from './input-file.ts'
import { ParquetFile, type ParquetRow } from './parquet-driver.ts'
import { checkFsId, partNameOf, pathOf } from './read-options.ts'

export interface ParquetSourceOptions {
  /** The columns that are read. @defaultValue all */
  readonly columns?: readonly string[]
  /** Rows a batch at most. @defaultValue 1000 */
  readonly batchSize?: number
  /** Names the file system, as of {@link FileSource}. @defaultValue none */
  readonly fsId?: string
}

/**
 * Gives the rows of a Parquet file as objects, values by column name, in order.
 *
 * 64-bit integers are bigints, timestamps `Date`s. Compressed with Snappy, gzip or Brotli, or not at all.
 *
 * @throws ConnectorError when the file is missing, is not Parquet, is damaged or has fewer rows than were read
 *
 * @example
 * ```ts
 * flow.input('orders', new ParquetSource('orders.parquet', { columns: ['id', 'sku'] }))
 * ```
 */
export class ParquetSource extends FixedPartitionedSource<ParquetRow, number> {
  readonly #path: string
  readonly #fsId: string | undefined
  readonly #batchSize: number
  readonly #columns: readonly string[] | undefined

  constructor(path: string, options: ParquetSourceOptions = {}) {
    super()
    checkFsId(options.fsId)
    this.#path = path
    this.#fsId = options.fsId
    this.#batchSize = positiveCount('batchSize', options.batchSize ?? 1000)
    this.#columns = options.columns
  }

  override async listParts(): Promise<string[]> {
    await checkInputFile(this.#path)
    return [partNameOf(this.#path, this.#fsId)]
  }

  override async buildPart(
    _stepId: string,
    part: string,
    resume: number | null,
  ): Promise<RowPartition> {
    const path = pathOf(part, this.#fsId)
    const row = resume ?? 0
    checkOffset(path, row)
    await checkInputFile(path)
    const file = await ParquetFile.open(path)
    const rows = file.starts.at(-1) ?? 0
    if (rows >= row)
      return new RowPartition(file, row, { batchSize: this.#batchSize, columns: this.#columns })
    await file.close()
    throw new ConnectorError(
      `"${path}" has ${rows} rows, but ${row} were read: it was replaced since. Put the file back, or start without its recovery store.`,
    )
  }
}

class RowPartition extends StatefulSourcePartition<ParquetRow, number> {
  readonly #file: ParquetFile
  readonly #options: { readonly batchSize: number; readonly columns: readonly string[] | undefined }
  #row: number
  #group: { readonly start: number; readonly rows: readonly ParquetRow[] } = { start: 0, rows: [] }

  constructor(
    file: ParquetFile,
    row: number,
    options: { readonly batchSize: number; readonly columns: readonly string[] | undefined },
  ) {
    super()
    this.#file = file
    this.#row = row
    this.#options = options
  }

  override nextBatch(): Polled<ParquetRow> | Promise<Polled<ParquetRow>> {
    const { start, rows } = this.#group
    const at = this.#row - start
    return at < rows.length ? this.#take(at, rows) : this.#read()
  }

  async #read(): Promise<Polled<ParquetRow>> {
    const { starts } = this.#file
    // Of an empty group and the one behind it, which start at the same row, the later counts.
    const index = starts.findLastIndex((start) => start <= this.#row)
    if (index >= starts.length - 1) return EOF
    const start = starts[index] ?? 0
    const rows = await this.#file.group(index, this.#options.columns)
    this.#group = { start, rows }
    return this.#take(this.#row - start, rows)
  }

  #take(at: number, rows: readonly ParquetRow[]): ParquetRow[] {
    const batch = rows.slice(at, at + this.#options.batchSize)
    this.#row += batch.length
    return batch
  }

  override snapshot(): number {
    return this.#row
  }

  override close(): Promise<void> {
    return this.#file.close()
  }
}
