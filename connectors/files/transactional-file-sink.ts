/**
 * Writes lines to a directory, a file for each slot and epoch, each published as a whole.
 *
 * - **Partitions**: 16 slots; a key keeps its slot, items without a key use one slot a worker.
 * - **Position**: none; what an epoch staged is named in the snapshot.
 * - **Delivery**: exactly once, also for whoever reads the directory while the flow runs: a file
 *   appears when its epoch is committed, whole, and never changes again.
 * - **Back-pressure**: the next batch waits until the last was written.
 * - **Needs**: nothing beyond Node; a directory whose file system renames atomically.
 */
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { type SlotContext, TransactionalSink } from '../../lib/flow/sink.ts'
import { notText } from './output-file.ts'
import { checkExtension, PublishedDirectory } from './published-directory.ts'
import type { StagedFile, StagedFilePosition, StagedFormat } from './staged-file.ts'

export interface TransactionalFileSinkOptions {
  /** What is written behind each value. @defaultValue '\n' */
  readonly end?: string
  /** What the names of the files end with. @defaultValue '.txt' */
  readonly extension?: string
  /** Removes published files that the recovery store knows nothing of, instead of failing. @defaultValue false */
  readonly overwrite?: boolean
}

/**
 * Writes strings, or the string values of a keyed stream, to files `part-<slot>-<epoch>.txt`.
 *
 * An epoch's lines are written to a hidden file, which is on disk before the epoch counts as taken,
 * and gets its name, atomically, when the epoch is committed. So what stands in the directory is always
 * exactly the output up to some epoch of each slot, in order by name.
 *
 * Without recovery, files of earlier runs are removed when a run begins. With recovery, a published
 * file of an epoch that has not happened yet is refused, unless `overwrite` is set.
 *
 * @param dir - the directory; made when it is missing
 * @throws ConnectorError when a file can't be written, a published one does not belong to the flow, or
 * a staged one has gone
 *
 * @example
 * ```ts
 * stream.pipe(map('line', JSON.stringify)).output('out', new TransactionalFileSink('out'))
 * ```
 */
export class TransactionalFileSink extends TransactionalSink<
  string | readonly [key: string, value: string],
  StagedFilePosition
> {
  readonly #dir: string
  readonly #end: string
  readonly #extension: string
  readonly #overwrite: boolean
  #recovery = false

  constructor(dir: string, options: TransactionalFileSinkOptions = {}) {
    super()
    const { end = '\n', extension = '.txt', overwrite = false } = options
    checkExtension(extension)
    this.#dir = dir
    this.#end = end
    this.#extension = extension
    this.#overwrite = overwrite
  }

  override useRun({ recovery }: RunFacts): void {
    this.#recovery = recovery
  }

  override build(
    _stepId: string,
    slot: string,
    context: SlotContext,
  ): Promise<StagedFile<string | readonly [key: string, value: string]>> {
    const directory = new PublishedDirectory(this.#dir, {
      extension: this.#extension,
      replaces: this.#overwrite || !this.#recovery,
    })
    return directory.open(slot, context, () => new Lines(this.#dir, this.#end))
  }
}

class Lines implements StagedFormat<string | readonly [key: string, value: string]> {
  readonly #dir: string
  readonly #end: string

  constructor(dir: string, end: string) {
    this.#dir = dir
    this.#end = end
  }

  take(items: readonly (string | readonly [key: string, value: string])[]): Uint8Array {
    let text = ''
    for (const item of items) {
      const value: unknown = Array.isArray(item) ? item[1] : item
      if (typeof value !== 'string') throw notText(this.#dir, value)
      text += value + this.#end
    }
    return Buffer.from(text)
  }

  end(): Uint8Array {
    return new Uint8Array()
  }
}
