/**
 * Writes the values of a keyed stream to a number of files, a line each.
 *
 * - **Partitions**: a file each, named by its path; the key decides which file a value goes to.
 * - **Position**: the byte behind everything written to the file, told only when it is on disk.
 * - **Delivery**: as of FileSink, for each file.
 * - **Back-pressure**: a file's next batch waits until its last was written.
 * - **Needs**: nothing beyond Node.
 */
import { join } from 'node:path'
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { FixedPartitionedSink } from '../../lib/flow/sink.ts'
import { makeDirectory } from '../../lib/recovery/make-directory.ts'
import type { FileSinkOptions } from './file-sink.ts'
import { OutputFile } from './output-file.ts'

export interface DirSinkOptions extends FileSinkOptions {
  /** How many files. */
  readonly fileCount: number
  /** The name of a file; each index needs its own. @defaultValue `part_<index>` */
  readonly fileName?: (index: number, fileCount: number) => string
  /** A whole number for a key; modulo `fileCount` it is the index of its file. @defaultValue adler32 */
  readonly assignFile?: (key: string) => number
}

/**
 * Writes strings to the files of a directory, which is made when it is missing.
 *
 * Each file behaves as {@link FileSink}'s does. File `i` is the `i`th by index, not by name, so with
 * `assignFile: Number` the value of key '2' is in `part_2` however many files there are.
 *
 * @throws ConnectorError when a file can't be written or resumed, or `assignFile` gives no whole number
 *
 * @example
 * ```ts
 * keyed.output('out', new DirSink('out', { fileCount: 3, assignFile: Number }))
 * ```
 */
export class DirSink extends FixedPartitionedSink<string, number> {
  readonly #dir: string
  readonly #paths: readonly string[]
  readonly #assignFile: ((key: string) => number) | null
  readonly #end: string
  readonly #overwrite: boolean
  #recovery = false

  constructor(dir: string, options: DirSinkOptions) {
    super()
    const { fileCount, fileName = (index) => `part_${index}`, end = '\n' } = options
    positiveCount('fileCount', fileCount)
    const names = Array.from({ length: fileCount }, (_, index) => fileName(index, fileCount))
    if (new Set(names).size !== fileCount) {
      throw new BuildError(`fileName must give each of ${fileCount} files a name of its own.`)
    }
    this.#dir = dir
    this.#paths = names.map((name) => join(dir, name))
    this.#assignFile = options.assignFile ?? null
    this.#end = end
    this.#overwrite = options.overwrite ?? false
  }

  override useRun({ recovery }: RunFacts): void {
    this.#recovery = recovery
  }

  override listParts(): string[] {
    return [...this.#paths]
  }

  override partFor(key: string): number {
    if (this.#assignFile === null) return super.partFor(key)
    const index = this.#assignFile(key)
    if (Number.isSafeInteger(index) && index >= 0) return index
    throw new ConnectorError(
      `assignFile must give a whole number that is not negative; got ${String(index)} for key "${key}".`,
    )
  }

  override async buildPart(
    _stepId: string,
    part: string,
    resume: number | null,
  ): Promise<OutputFile> {
    await makeDirectory(this.#dir)
    const options = { end: this.#end, recovery: this.#recovery, overwrite: this.#overwrite }
    return OutputFile.open(part, resume, options)
  }
}
