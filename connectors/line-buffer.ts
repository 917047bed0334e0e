import { Buffer, isAscii } from 'node:buffer'
import { ConnectorError } from '../lib/errors/errors.ts'

const NEWLINE = 10

/** The longest line that is read unless told otherwise: 16 MiB. */
export const MAX_LINE_BYTES: number = 16 * 1024 * 1024

/**
 * Bytes in, lines out: lines end at `\n` alone, lose it, and may be empty.
 *
 * Offsets count bytes, so a character that two chunks share stays whole. A `\r` before the newline
 * stays on its line. Each line is a string of its own: keeping one never keeps its chunk alive.
 */
export class LineBuffer {
  readonly #where: string
  readonly #maxLineBytes: number
  #bytes: Buffer = Buffer.alloc(0)
  #ascii = true
  #at = 0
  /** No newline stands before this index, so a line that grows over many chunks is searched once. */
  #searched = 0
  #taken = 0

  /**
   * @param where - what is read, for messages
   * @param maxLineBytes - a longer line is a `ConnectorError`
   */
  constructor(where: string, maxLineBytes: number = MAX_LINE_BYTES) {
    this.#where = where
    this.#maxLineBytes = maxLineBytes
  }

  /** Bytes of all lines taken, newlines included. */
  get taken(): number {
    return this.#taken
  }

  /** Adds bytes behind those that are held; `chunk` may be used again by the caller. */
  push(chunk: Uint8Array): void {
    const rest = this.#bytes.subarray(this.#at)
    this.#searched -= this.#at
    this.#at = 0
    this.#bytes = Buffer.concat([rest, chunk])
    this.#ascii = isAscii(this.#bytes)
  }

  /** Up to `max` whole lines, in order. */
  take(max: number): string[] {
    const lines: string[] = []
    const from = this.#at
    while (lines.length < max) {
      const end = this.#bytes.indexOf(NEWLINE, this.#searched)
      if (end < 0) {
        this.#searched = this.#bytes.length
        break
      }
      lines.push(this.#text(end))
      this.#at = end + 1
      this.#searched = this.#at
    }
    this.#taken += this.#at - from
    if (lines.length === 0) this.#refuseLongLine(this.#bytes.length)
    return lines
  }

  /** As `take`, the bytes of each line, which are its own. */
  takeBytes(max: number): Uint8Array[] {
    const lines: Uint8Array[] = []
    const from = this.#at
    while (lines.length < max) {
      const end = this.#bytes.indexOf(NEWLINE, this.#searched)
      if (end < 0) {
        this.#searched = this.#bytes.length
        break
      }
      this.#refuseLongLine(end)
      lines.push(Uint8Array.from(this.#bytes.subarray(this.#at, end)))
      this.#at = end + 1
      this.#searched = this.#at
    }
    this.#taken += this.#at - from
    if (lines.length === 0) this.#refuseLongLine(this.#bytes.length)
    return lines
  }

  /** What stands behind the last newline once there is nothing more; `null` when nothing does. */
  rest(): string | null {
    if (this.#at === this.#bytes.length) return null
    const line = this.#text(this.#bytes.length)
    this.#taken += this.#bytes.length - this.#at
    this.#at = this.#bytes.length
    this.#searched = this.#at
    return line
  }

  /** As `rest`, its bytes. */
  restBytes(): Uint8Array | null {
    if (this.#at === this.#bytes.length) return null
    this.#refuseLongLine(this.#bytes.length)
    const line = Uint8Array.from(this.#bytes.subarray(this.#at))
    this.#taken += line.length
    this.#at = this.#bytes.length
    this.#searched = this.#at
    return line
  }

  #text(end: number): string {
    this.#refuseLongLine(end)
    return this.#bytes.toString(this.#ascii ? 'latin1' : 'utf8', this.#at, end)
  }

  #refuseLongLine(end: number): void {
    if (end - this.#at <= this.#maxLineBytes) return
    throw new ConnectorError(
      `A line of ${this.#where} is longer than ${this.#maxLineBytes} bytes. If lines may be that long, raise maxLineBytes.`,
    )
  }
}
