/**
 * Writes the values of a keyed stream to one file, a line each.
 *
 * - **Partitions**: one, named by the path; whatever the key, the value is written there.
 * - **Position**: the byte behind everything written, told only when it is on disk. A resumed run
 *   cuts the file back to it.
 * - **Delivery**: exactly once for whoever reads the file after the run, or up to a committed epoch;
 *   a reader that follows it live may see lines that a crash takes back.
 * - **Back-pressure**: the next batch waits until the last was written.
 * - **Needs**: nothing beyond Node.
 */

import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { FixedPartitionedSink } from '../../lib/flow/sink.ts'
import { OutputFile } from './output-file.ts'

export interface FileSinkOptions {
  /** What is written behind each value. @defaultValue '\n' */
  readonly end?: string
  /** Replaces a file in which the recovery store knows no position, instead of failing. @defaultValue false */
  readonly overwrite?: boolean
}

/**
 * Writes strings to a file.
 *
 * Without recovery the text is written as `<path>.partial` and takes the path's name when the run
 * has ended or was stopped, replacing what was there; a run that fails leaves the old file as it was
 * and its own under the partial name. With recovery the file itself is written, so that a later run
 * can go on in it; then a file that is not empty, and that no position is known for, is refused
 * unless `overwrite` is set.
 *
 * @throws ConnectorError when the file can't be written, exists without a position, or is shorter
 * than the position to resume from
 *
 * @example
 * ```ts
 * flow.input('in', source)
 *   .pipe(keyOn('all', () => 'all'), mapValue('text', String))
 *   .output('out', new FileSink('out.txt'))
 * ```
 */
export class FileSink extends FixedPartitionedSink<string, number> {
  readonly #path: string
  readonly #end: string
  readonly #overwrite: boolean
  #recovery = false

  constructor(path: string, { end = '\n', overwrite = false }: FileSinkOptions = {}) {
    super()
    this.#path = path
    this.#end = end
    this.#overwrite = overwrite
  }

  override useRun({ recovery }: RunFacts): void {
    this.#recovery = recovery
  }

  override listParts(): string[] {
    return [this.#path]
  }

  override partFor(_key?: string): number {
    return 0
  }

  override buildPart(_stepId: string, _part: string, resume: number | null): Promise<OutputFile> {
    const options = { end: this.#end, recovery: this.#recovery, overwrite: this.#overwrite }
    return OutputFile.open(this.#path, resume, options)
  }
}
