import { EOF, type Polled, StatefulSourcePartition } from '../../lib/flow/source.ts'
import { LineBuffer } from '../line-buffer.ts'
import { InputFile } from './input-file.ts'

/** The lines of one file, from a byte offset to the end that it has when the end is reached. */
export class LinePartition extends StatefulSourcePartition<string, number> {
  readonly #file: InputFile
  readonly #batchSize: number
  readonly #start: number
  readonly #lines: LineBuffer
  #ended = false

  private constructor(file: InputFile, options: { batchSize: number; maxLineBytes: number }) {
    super()
    this.#file = file
    this.#batchSize = options.batchSize
    this.#start = file.offset
    this.#lines = new LineBuffer(`"${file.path}"`, options.maxLineBytes)
  }

  static async open(
    path: string,
    offset: number,
    options: { batchSize: number; maxLineBytes: number },
  ): Promise<LinePartition> {
    return new LinePartition(await InputFile.open(path, offset), options)
  }

  override nextBatch(): Polled<string> | Promise<Polled<string>> {
    if (this.#ended) return EOF
    const held = this.#lines.take(this.#batchSize)
    return held.length > 0 ? held : this.#read()
  }

  async #read(): Promise<Polled<string>> {
    for (;;) {
      const chunk = await this.#file.read()
      if (chunk.length === 0) break
      this.#lines.push(chunk)
      const lines = this.#lines.take(this.#batchSize)
      if (lines.length > 0) return lines
    }
    this.#ended = true
    const last = this.#lines.rest()
    return last === null ? EOF : [last]
  }

  override snapshot(): number {
    return this.#start + this.#lines.taken
  }

  override close(): Promise<void> {
    this.#ended = true
    return this.#file.close()
  }
}
