/**
 * Reads the lines of one file.
 *
 * - **Partitions**: one, named by the path (with `fsId`: `fsId::path`).
 * - **Position**: the byte behind the last line handed over; a resumed run reads on from there. With
 *   `follow`, that byte and the file's identity, so a rotated file is finished first.
 * - **Delivery**: exactly once into the flow's state, since a file can be read again.
 * - **Back-pressure**: the next 256 KiB are read when the last are handed over.
 * - **Needs**: nothing beyond Node.
 */

import { ConnectorError } from '../../lib/errors/errors.ts'
import { durationOption, positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { FixedPartitionedSource, type StatefulSourcePartition } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { DurationLike } from '../../lib/time/time.ts'
import { MAX_LINE_BYTES } from '../line-buffer.ts'
import { FollowPartition, type FollowPosition } from './follow-partition.ts'
import { checkInputFile } from './input-file.ts'
import { LinePartition } from './line-partition.ts'
import { checkFsId, partNameOf, pathOf, type ReadOptions } from './read-options.ts'

export interface FileSourceOptions extends ReadOptions {
  /** Goes on reading as the file grows, through truncation and rotation; never ends. @defaultValue false */
  readonly follow?: boolean
  /** How often a followed file that has not grown is looked at. @defaultValue 250 milliseconds */
  readonly followEvery?: DurationLike
}

/** A byte offset; of a followed file with its identity. */
export type FilePosition = number | FollowPosition

/**
 * Reads a file line by line.
 *
 * Lines end at `\n` and lose it, a `\r` before it stays; blank lines are items; what stands behind
 * the last newline is the last line. Text is UTF-8. Resumes from a byte offset.
 *
 * @throws ConnectorError when the file is missing, is a directory, can't be read, is shorter than
 * the position to resume from, or has a line longer than `maxLineBytes`
 *
 * @example
 * ```ts
 * flow.input('lines', new FileSource('moby-dick.txt'))
 * flow.input('log', new FileSource('/var/log/app.log', { follow: true }))
 * ```
 */
export class FileSource extends FixedPartitionedSource<string, FilePosition> {
  readonly #path: string
  readonly #batchSize: number
  readonly #maxLineBytes: number
  readonly #fsId: string | undefined
  readonly #follow: boolean
  readonly #followEvery: number
  #runtime: Runtime = systemRuntime

  constructor(path: string, options: FileSourceOptions = {}) {
    super()
    checkFsId(options.fsId)
    this.#path = path
    this.#batchSize = positiveCount('batchSize', options.batchSize ?? 1000)
    this.#maxLineBytes = positiveCount('maxLineBytes', options.maxLineBytes ?? MAX_LINE_BYTES)
    this.#fsId = options.fsId
    this.#follow = options.follow ?? false
    this.#followEvery = durationOption('followEvery', options.followEvery ?? 250)
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override async listParts(): Promise<string[]> {
    await checkInputFile(this.#path)
    return [partNameOf(this.#path, this.#fsId)]
  }

  override buildPart(
    stepId: string,
    part: string,
    resume: FilePosition | null,
  ): Promise<StatefulSourcePartition<string, FilePosition>> {
    const path = pathOf(part, this.#fsId)
    const limits = { batchSize: this.#batchSize, maxLineBytes: this.#maxLineBytes }
    if (this.#follow) {
      if (typeof resume === 'number') throw this.#otherMode(stepId, 'without')
      const pace = { every: this.#followEvery, runtime: this.#runtime }
      return FollowPartition.open(path, resume, { ...limits, ...pace })
    }
    if (typeof resume === 'object' && resume !== null) throw this.#otherMode(stepId, 'with')
    return LinePartition.open(path, resume ?? 0, limits)
  }

  #otherMode(stepId: string, mode: string): ConnectorError {
    return new ConnectorError(
      `Step "${stepId}" read "${this.#path}" ${mode} follow before, and can't resume from that position. Keep the option, or start without this recovery store.`,
    )
  }
}
