/**
 * Reads the rows of one CSV file.
 *
 * - **Partitions**: one, named by the path (with `fsId`: `fsId::path`).
 * - **Position**: the byte behind the last row handed over; newlines inside quotes are no row ends.
 *   A resumed run reads the header from the top again, then goes on at that byte.
 * - **Delivery**: exactly once into the flow's state, since a file can be read again.
 * - **Back-pressure**: the next 256 KiB are parsed when the rows of the last are handed over.
 * - **Needs**: nothing beyond the package itself.
 */
import { BuildError } from '../../lib/errors/errors.ts'
import { positiveCount } from '../../lib/flow/options.ts'
import { FixedPartitionedSource } from '../../lib/flow/source.ts'
import { MAX_LINE_BYTES } from '../line-buffer.ts'
import { CsvPartition, type CsvPartitionOptions, type CsvRecord } from './csv-partition.ts'
import type { CsvFormat } from './csv-rows.ts'
import { checkInputFile } from './input-file.ts'
import { checkFsId, partNameOf, pathOf, type ReadOptions } from './read-options.ts'

export interface CSVSourceOptions extends ReadOptions, CsvFormat {
  /** The names of the columns, for a file without a header. @defaultValue the first row */
  readonly columns?: readonly string[]
  /** Whether rows may have more or fewer fields than the header: missing ones are '', others are dropped. @defaultValue false */
  readonly relaxColumnCount?: boolean
}

/**
 * Reads a CSV file: a record of strings for each row, by the names in its header.
 *
 * Rows end at `\n` or `\r\n`; empty lines are passed over; of two columns with one name the later
 * counts. Text is UTF-8, with or without a byte order mark. Resumes from a byte offset.
 *
 * @throws ConnectorError when the file is missing or shorter than the position to resume from, when
 * it is not CSV, or when a row is longer than `maxLineBytes` or does not fit the header
 *
 * @example
 * ```ts
 * flow.input('orders', new CSVSource('orders.csv', { delimiter: ';' }))
 * // => { id: '17', amount: '9.90' }
 * ```
 */
export class CSVSource extends FixedPartitionedSource<CsvRecord, number> {
  readonly #path: string
  readonly #fsId: string | undefined
  readonly #options: CsvPartitionOptions

  constructor(path: string, options: CSVSourceOptions = {}) {
    super()
    const { batchSize, maxLineBytes, fsId, columns, relaxColumnCount, gzip, ...format } = options
    checkFsId(fsId)
    if (columns?.includes('__proto__')) throw new BuildError('No column can be named "__proto__".')
    this.#path = path
    this.#fsId = fsId
    this.#options = {
      batchSize: positiveCount('batchSize', batchSize ?? 1000),
      maxLineBytes: positiveCount('maxLineBytes', maxLineBytes ?? MAX_LINE_BYTES),
      format,
      columns: columns ?? null,
      relaxColumnCount: relaxColumnCount ?? false,
      gzip,
    }
  }

  override async listParts(): Promise<string[]> {
    await checkInputFile(this.#path)
    return [partNameOf(this.#path, this.#fsId)]
  }

  override buildPart(_stepId: string, part: string, resume: number | null): Promise<CsvPartition> {
    return CsvPartition.open(pathOf(part, this.#fsId), resume ?? 0, this.#options)
  }
}
