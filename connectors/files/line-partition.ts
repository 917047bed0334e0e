import { EOF, type Polled, StatefulSourcePartition } from '../../lib/flow/source.ts'
import { LineBuffer } from '../line-buffer.ts'
import type { ByteInput } from './input-file.ts'
import { openInput } from './open-input.ts'

export interface LineLimits {
  readonly batchSize: number
  readonly maxLineBytes: number
}

/** The lines of one file, from a byte offset to the end that it has when the end is reached. */
export class LinePartition extends StatefulSourcePartition<string, number> {
  readonly #file: ByteInput
  readonly #batchSize: number
  readonly #start: number
  readonly #lines: LineBuffer
  #ended = false

  constructor(file: ByteInput, options: LineLimits) {
    super()
    this.#file = file
    this.#batchSize = options.batchSize
    this.#start = file.offset
    this.#lines = new LineBuffer(`"${file.path}"`, options.maxLineBytes)
  }

  static async open(
    path: string,
    offset: number,
    options: LineLimits & { readonly gzip?: boolean | undefined },
  ): Promise<LinePartition> {
    return new LinePartition(await openInput(path, offset, options.gzip), options)
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
