import { type CsvError, type Options, Parser } from 'csv-parse'
import { ConnectorError } from '../../lib/errors/errors.ts'

/** How a file's rows are written. */
export interface CsvFormat {
  /** What stands between two fields. @defaultValue ',' */
  readonly delimiter?: string
  /** What encloses a field that holds delimiters or newlines; `null` for nothing. @defaultValue '"' */
  readonly quote?: string | null
  /** What stands before a quote inside a quoted field. @defaultValue '"' */
  readonly escape?: string
  /** What begins a comment that ends with its line. @defaultValue none */
  readonly comment?: string
  /** Whether blanks around unquoted fields are dropped. @defaultValue false */
  readonly trim?: boolean
  /** Whether a quote inside an unquoted field is an ordinary character. @defaultValue false */
  readonly relaxQuotes?: boolean
}

/** A row's fields, and the byte of the parsed text behind it. */
export interface CsvRow {
  readonly fields: readonly string[]
  readonly end: number
}

/**
 * Keeps each row with the byte behind it, instead of queueing it as a stream does: the byte is known
 * only while the row is pushed, and a row then costs no object of facts and no turn of the queue.
 */
class CollectingParser extends Parser {
  collected: CsvRow[] = []

  override push(row: string[] | null): boolean {
    if (row === null) return super.push(null)
    this.collected.push({ fields: row, end: this.info.bytes })
    return true
  }
}

/** Bytes in, rows out; the one place that meets the CSV parser. */
export class CsvRows {
  readonly #where: string
  readonly #parser: CollectingParser
  #failure: ConnectorError | null = null

  constructor(where: string, format: CsvFormat, maxRowBytes: number) {
    this.#where = where
    this.#parser = new CollectingParser(parserOptions(format, maxRowBytes))
    this.#parser.on('error', (cause: Error) => {
      this.#failure ??= this.#wrap(cause)
    })
    this.#parser.resume()
  }

  /** Parses more bytes; `chunk` may be used again once the promise resolves. */
  async push(chunk: Uint8Array): Promise<CsvRow[]> {
    // The parser keeps what it cannot decide yet, so it is given bytes of its own.
    const own = Uint8Array.from(chunk)
    await new Promise<void>((resolve) => {
      this.#parser.write(own, () => resolve())
    })
    return this.#taken()
  }

  /** The rows that only the end of the text completes. */
  async end(): Promise<CsvRow[]> {
    if (this.#parser.destroyed) return this.#taken()
    await new Promise<void>((resolve) => {
      this.#parser.once('end', resolve)
      this.#parser.once('close', resolve)
      this.#parser.end()
    })
    return this.#taken()
  }

  #taken(): CsvRow[] {
    if (this.#parser.errored !== null) this.#failure ??= this.#wrap(this.#parser.errored)
    const rows = this.#parser.collected
    if (rows.length === 0) this.check()
    this.#parser.collected = []
    return rows
  }

  /** Throws what went wrong behind the rows that were given, if anything did. */
  check(): void {
    if (this.#failure !== null) throw this.#failure
  }

  #wrap(cause: Error | CsvError): ConnectorError {
    return new ConnectorError(`${this.#where} is not the CSV that was expected: ${cause.message}`, {
      cause,
    })
  }

  close(): void {
    this.#parser.destroy()
  }
}

const parserOptions = (format: CsvFormat, maxRowBytes: number): Options => ({
  delimiter: format.delimiter ?? ',',
  quote: format.quote === undefined ? '"' : format.quote,
  escape: format.escape ?? '"',
  trim: format.trim ?? false,
  relax_quotes: format.relaxQuotes ?? false,
  relax_column_count: true,
  skip_empty_lines: true,
  record_delimiter: ['\r\n', '\n'],
  max_record_size: maxRowBytes,
  ...(format.comment === undefined ? {} : { comment: format.comment }),
})
