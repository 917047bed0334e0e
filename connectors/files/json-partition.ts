import { ConnectorError } from '../../lib/errors/errors.ts'
import { EOF, type Polled, StatefulSourcePartition } from '../../lib/flow/source.ts'
import { LineBuffer } from '../line-buffer.ts'
import type { ByteInput } from './input-file.ts'
import type { LineLimits } from './line-partition.ts'

/** A line that is no JSON, as it lies in its file. */
export interface MalformedLine {
  readonly path: string
  /** The byte at which it begins; of a gzip file, of what it unpacks to. */
  readonly offset: number
  /** Its bytes, without the newline. */
  readonly bytes: Uint8Array
  /** What is wrong with it. */
  readonly error: string
}

/** What a line gave: its value, or why there is none. */
export type JsonLine<T> = { readonly value: T } | { readonly malformed: MalformedLine }

const decoder = new TextDecoder('utf-8', { fatal: true })
const BLANK = /^[ \t\r]*$/

/** The values of one file of JSON lines, behind a byte offset. */
export class JsonPartition<I> extends StatefulSourcePartition<I, number> {
  readonly #file: ByteInput
  readonly #batchSize: number
  readonly #make: (line: JsonLine<unknown>) => I
  readonly #start: number
  readonly #lines: LineBuffer
  #ended = false

  constructor(file: ByteInput, limits: LineLimits, make: (line: JsonLine<unknown>) => I) {
    super()
    this.#file = file
    this.#batchSize = limits.batchSize
    this.#make = make
    this.#start = file.offset
    this.#lines = new LineBuffer(`"${file.path}"`, limits.maxLineBytes)
  }

  override nextBatch(): Polled<I> | Promise<Polled<I>> {
    if (this.#ended) return EOF
    const held = this.#take()
    return held === null ? this.#read() : held
  }

  async #read(): Promise<Polled<I>> {
    for (;;) {
      const chunk = await this.#file.read()
      if (chunk.length === 0) break
      this.#lines.push(chunk)
      const items = this.#take()
      if (items !== null) return items
    }
    this.#ended = true
    const from = this.snapshot()
    const last = this.#lines.restBytes()
    const items = last === null ? [] : this.#parsed([last], from)
    return items.length === 0 ? EOF : items
  }

  /** `null` where no line is whole; blank lines give nothing. */
  #take(): I[] | null {
    const from = this.snapshot()
    const lines = this.#lines.takeBytes(this.#batchSize)
    return lines.length === 0 ? null : this.#parsed(lines, from)
  }

  #parsed(lines: readonly Uint8Array[], from: number): I[] {
    const items: I[] = []
    let offset = from
    for (const bytes of lines) {
      const line = parsedLine(bytes, { path: this.#file.path, offset })
      if (line !== null) items.push(this.#make(line))
      offset += bytes.length + 1
    }
    return items
  }

  override snapshot(): number {
    return this.#start + this.#lines.taken
  }

  override close(): Promise<void> {
    this.#ended = true
    return this.#file.close()
  }
}

const parsedLine = (
  bytes: Uint8Array,
  place: { readonly path: string; readonly offset: number },
): JsonLine<unknown> | null => {
  try {
    const text = decoder.decode(bytes)
    return BLANK.test(text) ? null : { value: parse(text) }
  } catch (cause) {
    const error = cause instanceof Error ? cause.message : String(cause)
    return { malformed: { ...place, bytes, error } }
  }
}

/** The name may be written with escapes. */
const parse = (text: string): unknown =>
  text.includes('__proto__') || text.includes('\\u')
    ? JSON.parse(text, (key, value: unknown) => (key === '__proto__' ? undefined : value))
    : JSON.parse(text)

export const malformedError = ({ path, offset, error }: MalformedLine): ConnectorError =>
  new ConnectorError(
    `The line of "${path}" at byte ${offset} is not JSON: ${error}. Mend it, or read the file by jsonLinesInput, which gives such lines as a stream of their own.`,
  )
