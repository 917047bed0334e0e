/**
 * Reads lines from standard input.
 *
 * - **Partitions**: one, `stdin`, read by one worker.
 * - **Position**: none; what was read is gone.
 * - **Delivery**: at most once: lines read before a crash are not read again.
 * - **Back-pressure**: the next chunk is read when the lines of the last are handed over.
 * - **Needs**: nothing beyond Node.
 */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { isMainThread } from 'node:worker_threads'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { positiveCount } from '../../lib/flow/options.ts'
import {
  EOF,
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
} from '../../lib/flow/source.ts'
import { LineBuffer, MAX_LINE_BYTES } from '../line-buffer.ts'

export interface StdInSourceOptions {
  /** Lines a batch at most. @defaultValue 1000 */
  readonly batchSize?: number
  /** Bytes of a line at most; a longer one is a `ConnectorError`. @defaultValue 16 MiB */
  readonly maxLineBytes?: number
  /** Where the lines come from instead. @defaultValue the process's standard input */
  readonly input?: Readable
}

/**
 * Reads lines from standard input until it ends.
 *
 * Lines end at `\n` and lose it, blank lines are items, text is UTF-8. Nothing can be resumed.
 *
 * @throws ConnectorError when the input can't be read or a line is longer than `maxLineBytes`
 *
 * @example
 * ```ts
 * flow.input('lines', new StdInSource())   // cat log.txt | npx tidemark run flow.ts
 * ```
 */
export class StdInSource extends FixedPartitionedSource<string, null> {
  readonly #batchSize: number
  readonly #maxLineBytes: number
  readonly #input: Readable | null

  constructor(options: StdInSourceOptions = {}) {
    super()
    this.#batchSize = positiveCount('batchSize', options.batchSize ?? 1000)
    this.#maxLineBytes = positiveCount('maxLineBytes', options.maxLineBytes ?? MAX_LINE_BYTES)
    this.#input = options.input ?? null
  }

  override listParts(): string[] {
    return ['stdin']
  }

  override buildPart(_stepId?: string, _part?: string, _resume?: null): StdInPartition {
    const lines = new LineBuffer('standard input', this.#maxLineBytes)
    return new StdInPartition(this.#input ?? standardInput(), lines, this.#batchSize)
  }
}

/** In a worker thread `process.stdin` is another stream; the descriptor is the same everywhere. */
const standardInput = (): Readable =>
  isMainThread ? process.stdin : createReadStream('', { fd: 0, autoClose: false })

class StdInPartition extends StatefulSourcePartition<string, null> {
  readonly #input: Readable
  readonly #chunks: AsyncIterator<Buffer | string>
  readonly #lines: LineBuffer
  readonly #batchSize: number
  #ended = false

  constructor(input: Readable, lines: LineBuffer, batchSize: number) {
    super()
    this.#input = input
    this.#chunks = input.iterator({ destroyOnReturn: false })
    this.#lines = lines
    this.#batchSize = batchSize
  }

  override nextBatch(): Polled<string> | Promise<Polled<string>> {
    const held = this.#lines.take(this.#batchSize)
    if (held.length > 0) return held
    return this.#ended ? this.#last() : this.#read()
  }

  async #read(): Promise<Polled<string>> {
    while (!this.#ended) {
      const { done, value } = await this.#chunks.next().catch((cause: unknown) => {
        throw new ConnectorError(`Standard input can't be read: ${String(cause)}`, { cause })
      })
      this.#ended = this.#ended || done === true
      if (done === true) break
      this.#lines.push(typeof value === 'string' ? Buffer.from(value) : value)
      const lines = this.#lines.take(this.#batchSize)
      if (lines.length > 0) return lines
    }
    return this.#last()
  }

  #last(): Polled<string> {
    const last = this.#lines.rest()
    return last === null ? EOF : [last]
  }

  override snapshot(): null {
    return null
  }

  override close(): void {
    this.#ended = true
    // A read that still waits for a line is left behind, and must not keep the process alive.
    this.#input.pause()
    if ('unref' in this.#input && typeof this.#input.unref === 'function') this.#input.unref()
  }
}
