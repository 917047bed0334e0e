import { type FileHandle, open } from 'node:fs/promises'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { AsyncBuffer, FileMetaData } from 'hyparquet'
import type { ColumnSource } from 'hyparquet-writer'
import { ConnectorError } from '../../lib/errors/errors.ts'

/** What a column holds; the JavaScript values are named beside it. */
export type ParquetType =
  | 'BOOLEAN' // boolean
  | 'INT32' // number
  | 'INT64' // bigint
  | 'FLOAT' // number
  | 'DOUBLE' // number
  | 'STRING' // string
  | 'JSON' // what is JSON
  | 'TIMESTAMP' // Date, in milliseconds
  | 'BYTE_ARRAY' // Uint8Array
  | 'UUID' // string

export type ParquetColumns = Readonly<Record<string, ParquetType>>

/** A row: values by column name. */
export type ParquetRow = Record<string, unknown>

/** A Parquet file that is read a row group at a time. */
export class ParquetFile {
  readonly #path: string
  readonly #handle: FileHandle
  readonly #buffer: AsyncBuffer
  readonly #metadata: FileMetaData
  readonly #driver: Reader
  /** The numbers of the first rows of the row groups, and behind the last of all rows. */
  readonly starts: readonly number[]

  private constructor(
    path: string,
    opened: { handle: FileHandle; buffer: AsyncBuffer; metadata: FileMetaData; driver: Reader },
  ) {
    this.#path = path
    this.#handle = opened.handle
    this.#buffer = opened.buffer
    this.#metadata = opened.metadata
    this.#driver = opened.driver
    const starts = [0]
    for (const { num_rows: rows } of opened.metadata.row_groups) {
      starts.push((starts.at(-1) ?? 0) + Number(rows))
    }
    this.starts = starts
  }

  static async open(path: string): Promise<ParquetFile> {
    const driver = await loadReader()
    const handle = await open(path, 'r')
    try {
      const { size } = await handle.stat()
      const buffer = { byteLength: size, slice: sliceOf(handle, size) }
      const metadata = await driver.parquetMetadataAsync(buffer)
      return new ParquetFile(path, { handle, buffer, metadata, driver })
    } catch (cause) {
      await handle.close()
      throw unreadable(path, cause)
    }
  }

  /** The rows of a row group, or some columns of them. */
  async group(index: number, columns: readonly string[] | undefined): Promise<ParquetRow[]> {
    try {
      return await this.#driver.parquetReadObjects({
        file: this.#buffer,
        metadata: this.#metadata,
        rowStart: this.starts[index] ?? 0,
        rowEnd: this.starts[index + 1] ?? 0,
        compressors: {
          GZIP: (bytes) => gunzipSync(bytes),
          BROTLI: (bytes) => brotliDecompressSync(bytes),
        },
        rowFormat: 'object',
        ...(columns === undefined ? {} : { columns: [...columns] }),
      })
    } catch (cause) {
      throw unreadable(this.#path, cause)
    }
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** Makes the bytes of a Parquet file, a row group at a time. */
export class ParquetBytes {
  readonly #columns: ParquetColumns
  readonly #bytes: InstanceType<Writer['ByteWriter']>
  readonly #file: InstanceType<Writer['ParquetWriter']>

  private constructor(driver: Writer, columns: ParquetColumns) {
    this.#columns = columns
    this.#bytes = new driver.ByteWriter()
    const schema = driver.schemaFromColumnData({ columnData: dataOf([], columns) })
    this.#file = new driver.ParquetWriter({ writer: this.#bytes, schema })
  }

  /** Loads the driver; what it gives makes new files from then on. */
  static async factory(columns: ParquetColumns): Promise<() => ParquetBytes> {
    const driver = await loadWriter()
    return () => new ParquetBytes(driver, columns)
  }

  /** The bytes of a row group, behind what was made before. */
  group(rows: readonly ParquetRow[]): Uint8Array {
    const columnData = dataOf(rows, this.#columns)
    void this.#file.write({ columnData, rowGroupSize: rows.length })
    return this.#taken()
  }

  /** The last bytes of the file. */
  end(): Uint8Array {
    void this.#file.finish()
    return this.#taken()
  }

  #taken(): Uint8Array {
    const bytes = Uint8Array.from(this.#bytes.getBytes())
    this.#bytes.index = 0
    return bytes
  }
}

type Reader = Awaited<ReturnType<typeof loadReader>>
type Writer = Awaited<ReturnType<typeof loadWriter>>

const dataOf = (rows: readonly ParquetRow[], columns: ParquetColumns): ColumnSource[] =>
  Object.entries(columns).map(([name, type]) => ({
    name,
    type,
    nullable: true,
    data: rows.map((row) => row[name] ?? null),
  }))

const sliceOf =
  (handle: FileHandle, size: number) =>
  async (from: number, to: number = size): Promise<ArrayBuffer> => {
    const bytes = new Uint8Array(Math.max(0, Math.min(to, size) - from))
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, from + at)
      if (bytesRead === 0) throw new Error('the file became shorter')
      at += bytesRead
    }
    return bytes.buffer
  }

const unreadable = (path: string, cause: unknown): ConnectorError =>
  new ConnectorError(
    `"${path}" can't be read as Parquet: ${cause instanceof Error ? cause.message : String(cause)}.`,
    { cause },
  )

const loadReader = async () => {
  try {
    return await import('hyparquet')
  } catch (cause) {
    throw missing('Reading', 'hyparquet', cause)
  }
}

const loadWriter = async () => {
  try {
    return await import('hyparquet-writer')
  } catch (cause) {
    throw missing('Writing', 'hyparquet-writer', cause)
  }
}

const missing = (what: string, name: string, cause: unknown): ConnectorError =>
  new ConnectorError(`${what} Parquet needs the package "${name}": npm install ${name}.`, { cause })
