import { ConnectorError } from '../../lib/errors/errors.ts'
import { EOF, type Polled, StatefulSourcePartition } from '../../lib/flow/source.ts'
import { type ByteInput, InputFile } from './input-file.ts'
import { type LineLimits, LinePartition } from './line-partition.ts'

const NEWLINE = 10

/** Where a range of a file was left: the byte, and the file's size, from which ranges are cut. */
export interface RangePosition {
  readonly size: number
  readonly offset: number
}

/** Which range of how many. */
export interface Range {
  readonly index: number
  readonly count: number
}

/**
 * The lines of one of several byte ranges of a file.
 *
 * A range has the lines that begin in it. Both its ends are moved to the next start of a line, in the
 * same way on either side, so each line is in one range, however long it is.
 */
export class RangePartition extends StatefulSourcePartition<string, RangePosition> {
  readonly #input: BoundedInput
  readonly #lines: LinePartition
  readonly #size: number

  private constructor(input: BoundedInput, limits: LineLimits, size: number) {
    super()
    this.#input = input
    this.#lines = new LinePartition(input, limits)
    this.#size = size
  }

  static async open(
    path: string,
    at: { readonly range: Range; readonly resume: RangePosition | null },
    limits: LineLimits,
  ): Promise<RangePartition> {
    const { range, resume } = at
    const probe = await InputFile.open(path, 0)
    try {
      const { size } = await probe.stat()
      if (resume !== null && resume.size !== size) throw changed(path, resume.size, size)
      const from = await lineStart(probe, cut(size, range.index, range.count))
      const until = await lineStart(probe, cut(size, range.index + 1, range.count))
      const file = await InputFile.open(path, resume?.offset ?? from)
      return new RangePartition(new BoundedInput(file, until), limits, size)
    } finally {
      await probe.close()
    }
  }

  override nextBatch(): Polled<string> | Promise<Polled<string>> {
    const batch = this.#lines.nextBatch()
    return batch instanceof Promise ? batch.then((given) => this.#checked(given)) : batch
  }

  /** A file that changed meanwhile was cut elsewhere by whoever opened it later. */
  async #checked(batch: Polled<string>): Promise<Polled<string>> {
    if (batch !== EOF) return batch
    const { size } = await this.#input.file.stat()
    if (size !== this.#size) throw changed(this.#input.path, this.#size, size)
    return EOF
  }

  override snapshot(): RangePosition {
    return { size: this.#size, offset: this.#lines.snapshot() }
  }

  override close(): Promise<void> {
    return this.#lines.close()
  }
}

/** A file that ends where its range does. */
class BoundedInput implements ByteInput {
  readonly file: InputFile
  readonly #until: number

  constructor(file: InputFile, until: number) {
    this.file = file
    this.#until = until
  }

  get path(): string {
    return this.file.path
  }

  get offset(): number {
    return Math.min(this.file.offset, this.#until)
  }

  async read(): Promise<Uint8Array> {
    const left = this.#until - this.file.offset
    if (left <= 0) return new Uint8Array()
    const chunk = await this.file.read()
    return chunk.length > left ? chunk.subarray(0, left) : chunk
  }

  close(): Promise<void> {
    return this.file.close()
  }
}

/** In whole bytes; the product of size and index may be beyond what a number counts exactly. */
const cut = (size: number, index: number, count: number): number =>
  Number((BigInt(size) * BigInt(index)) / BigInt(count))

/** The first byte at or behind `byte` at which a line begins, or the end. */
const lineStart = async (file: InputFile, byte: number): Promise<number> => {
  if (byte === 0) return 0
  file.seek(byte - 1)
  for (;;) {
    const before = file.offset
    const chunk = await file.read()
    const found = chunk.indexOf(NEWLINE)
    if (found >= 0) return before + found + 1
    if (chunk.length === 0) return before
  }
}

const changed = (path: string, was: number, is: number): ConnectorError =>
  new ConnectorError(
    `"${path}" had ${was} bytes when its ranges were cut, and has ${is} now. A file that is read in ranges must not change: read one that grows without ranges, or start without this recovery store.`,
  )
