import { ConnectorError } from '../../lib/errors/errors.ts'
import { EOF, type Polled, StatefulSourcePartition } from '../../lib/flow/source.ts'
import { type CsvFormat, type CsvRow, CsvRows } from './csv-rows.ts'
import type { ByteInput } from './input-file.ts'
import { openInput } from './open-input.ts'

/** A row by the names of its header. */
export type CsvRecord = Record<string, string>

export interface CsvPartitionOptions {
  readonly batchSize: number
  readonly maxLineBytes: number
  readonly format: CsvFormat
  /** The names, when the file has no header. */
  readonly columns: readonly string[] | null
  readonly relaxColumnCount: boolean
  readonly gzip: boolean | undefined
}

/** The rows of one file behind a byte offset; the header is read from the top in any case. */
export class CsvPartition extends StatefulSourcePartition<CsvRecord, number> {
  readonly #options: CsvPartitionOptions
  readonly #rows: CsvReader
  readonly #names: readonly string[]
  #held: readonly CsvRow[]
  #next = 0
  #position: number

  private constructor(
    options: CsvPartitionOptions,
    at: { rows: CsvReader; names: readonly string[]; held: readonly CsvRow[]; position: number },
  ) {
    super()
    this.#options = options
    this.#rows = at.rows
    this.#names = at.names
    this.#held = at.held
    this.#position = at.position
  }

  static async open(
    path: string,
    offset: number,
    options: CsvPartitionOptions,
  ): Promise<CsvPartition> {
    const top = await CsvReader.open(path, 0, options)
    try {
      const first = options.columns === null ? await top.read() : []
      const names = options.columns ?? headerOf(path, first?.[0])
      const start = { rows: top, names, held: first?.slice(1) ?? [], position: offset }
      if (offset === 0) return new CsvPartition(options, start)
      await top.close()
      return new CsvPartition(options, {
        ...start,
        rows: await CsvReader.open(path, offset, options),
        held: [],
      })
    } catch (failure) {
      await top.close()
      throw failure
    }
  }

  override nextBatch(): Polled<CsvRecord> | Promise<Polled<CsvRecord>> {
    return this.#next < this.#held.length ? this.#take() : this.#read()
  }

  async #read(): Promise<Polled<CsvRecord>> {
    const rows = await this.#rows.read()
    if (rows === null) return EOF
    this.#held = rows
    this.#next = 0
    return this.#take()
  }

  #take(): CsvRecord[] {
    const rows = this.#held.slice(this.#next, this.#next + this.#options.batchSize)
    const records = rows.map((row) => this.#record(row))
    this.#next += rows.length
    this.#position = rows.at(-1)?.end ?? this.#position
    return records
  }

  #record({ fields, end }: CsvRow): CsvRecord {
    const names = this.#names
    if (fields.length !== names.length && !this.#options.relaxColumnCount) {
      throw new ConnectorError(
        `The row of "${this.#rows.path}" that ends at byte ${end} has ${fields.length} fields, its header ${names.length}. Mend the file, or allow it with relaxColumnCount: true.`,
      )
    }
    const record: CsvRecord = {}
    for (let index = 0; index < names.length; index += 1) {
      record[names[index] ?? ''] = fields[index] ?? ''
    }
    return record
  }

  override snapshot(): number {
    return this.#position
  }

  override close(): Promise<void> {
    return this.#rows.close()
  }
}

const headerOf = (path: string, row: CsvRow | undefined): readonly string[] => {
  const names = row?.fields ?? []
  if (names.includes('__proto__')) {
    throw new ConnectorError(
      `The header of "${path}" names a column "__proto__", which no record can have. Rename it.`,
    )
  }
  return names
}

/** The parsed rows of a file, a chunk at a time, with offsets that count from its top. */
class CsvReader {
  readonly path: string
  readonly #file: ByteInput
  readonly #rows: CsvRows
  #base: number
  #ended = false

  private constructor(file: ByteInput, options: CsvPartitionOptions) {
    this.path = file.path
    this.#file = file
    this.#base = file.offset
    this.#rows = new CsvRows(`"${file.path}"`, options.format, options.maxLineBytes)
  }

  static async open(
    path: string,
    offset: number,
    options: CsvPartitionOptions,
  ): Promise<CsvReader> {
    return new CsvReader(await openInput(path, offset, options.gzip), options)
  }

  /** At least one row, or `null` at the end. */
  async read(): Promise<readonly CsvRow[] | null> {
    while (!this.#ended) {
      const top = this.#file.offset === 0
      const chunk = await this.#file.read()
      this.#ended = chunk.length === 0
      const rows = this.#ended
        ? await this.#rows.end()
        : await this.#rows.push(top ? this.#withoutBom(chunk) : chunk)
      if (rows.length > 0) return rows.map(({ fields, end }) => ({ fields, end: this.#base + end }))
    }
    this.#rows.check()
    return null
  }

  #withoutBom(chunk: Uint8Array): Uint8Array {
    if (chunk[0] !== 0xef || chunk[1] !== 0xbb || chunk[2] !== 0xbf) return chunk
    this.#base += 3
    return chunk.subarray(3)
  }

  async close(): Promise<void> {
    this.#rows.close()
    await this.#file.close()
  }
}
