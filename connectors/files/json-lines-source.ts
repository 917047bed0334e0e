/**
 * Reads a file of JSON lines.
 *
 * - **Partitions**: one, named by the path (with `fsId`: `fsId::path`).
 * - **Position**: the byte behind the last line handed over.
 * - **Delivery**: exactly once into the flow's state, since a file can be read again.
 * - **Back-pressure**: the next 256 KiB are read when the last are handed over.
 * - **Needs**: nothing beyond Node.
 */
import { positiveCount } from '../../lib/flow/options.ts'
import { FixedPartitionedSource } from '../../lib/flow/source.ts'
import { MAX_LINE_BYTES } from '../line-buffer.ts'
import { checkInputFile } from './input-file.ts'
import { type JsonLine, JsonPartition, malformedError } from './json-partition.ts'
import { openInput } from './open-input.ts'
import { checkFsId, partNameOf, pathOf, type ReadOptions } from './read-options.ts'

export interface JsonLinesSourceOptions extends ReadOptions {}

/** What both ways to read such a file have in common. */
export abstract class JsonFile<I> extends FixedPartitionedSource<I, number> {
  readonly #path: string
  readonly #options: ReadOptions
  readonly #limits: { readonly batchSize: number; readonly maxLineBytes: number }

  constructor(path: string, options: JsonLinesSourceOptions = {}) {
    super()
    checkFsId(options.fsId)
    this.#path = path
    this.#options = options
    this.#limits = {
      batchSize: positiveCount('batchSize', options.batchSize ?? 1000),
      maxLineBytes: positiveCount('maxLineBytes', options.maxLineBytes ?? MAX_LINE_BYTES),
    }
  }

  protected abstract make(line: JsonLine<unknown>): I

  override async listParts(): Promise<string[]> {
    await checkInputFile(this.#path)
    return [partNameOf(this.#path, this.#options.fsId)]
  }

  override async buildPart(
    _stepId: string,
    part: string,
    resume: number | null,
  ): Promise<JsonPartition<I>> {
    const { fsId, gzip } = this.#options
    const file = await openInput(pathOf(part, fsId), resume ?? 0, gzip)
    return new JsonPartition(file, this.#limits, (line) => this.make(line))
  }
}

/**
 * Gives the value of each line of a file; blank lines are passed over.
 *
 * The type is a claim about what others wrote: check it where that matters. Properties named
 * `__proto__` are left out. {@link jsonLinesInput} gives lines that are no JSON as a stream of their own.
 *
 * @param path - the file; unpacked where its name ends with `.gz`
 * @throws ConnectorError when the file can't be read, is shorter than the position to resume from, or has
 * a line that is not JSON or too long
 *
 * @example
 * ```ts
 * flow.input('orders', new JsonLinesSource<Order>('orders.jsonl.gz'))
 * ```
 */
export class JsonLinesSource<T = unknown> extends JsonFile<T> {
  protected override make(line: JsonLine<unknown>): T {
    if ('malformed' in line) throw malformedError(line.malformed)
    return line.value as T
  }
}
