/**
 * Reads the lines of one file.
 *
 * - **Partitions**: one, named by the path (with `fsId`: `fsId::path`); with `ranges` so many, each a
 *   range of its bytes, named by the path and its number.
 * - **Position**: the byte behind the last line handed over; a resumed run reads on from there. With
 *   `follow`, that byte and the file's identity, so a rotated file is finished first.
 * - **Delivery**: exactly once into the flow's state, since a file can be read again.
 * - **Back-pressure**: the next 256 KiB are read when the last are handed over.
 * - **Needs**: nothing beyond Node.
 */

import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { durationOption, positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { FixedPartitionedSource, type StatefulSourcePartition } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { DurationLike } from '../../lib/time/time.ts'
import { MAX_LINE_BYTES } from '../line-buffer.ts'
import { FollowPartition, type FollowPosition } from './follow-partition.ts'
import { checkInputFile } from './input-file.ts'
import { type LineLimits, LinePartition } from './line-partition.ts'
import { isGzip } from './open-input.ts'
import { RangePartition, type RangePosition } from './range-partition.ts'
import { checkFsId, partNameOf, pathOf, type ReadOptions } from './read-options.ts'

export interface FileSourceOptions extends ReadOptions {
  /** Goes on reading as the file grows, through truncation and rotation; never ends. @defaultValue false */
  readonly follow?: boolean
  /** How often a followed file that has not grown is looked at. @defaultValue 250 milliseconds */
  readonly followEvery?: DurationLike
  /**
   * Into how many byte ranges the file is cut, each a partition of its own, so that several workers read
   * it. Lines keep their order within a range. The file must not change; keep the number for as long as
   * you resume. @defaultValue 1: one partition, in order
   */
  readonly ranges?: number
}

/** A byte offset; of a followed file with its identity, of a range with the file's size. */
export type FilePosition = number | FollowPosition | RangePosition

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
  readonly #ranges: number | null
  readonly #gzip: boolean
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
    this.#ranges = options.ranges === undefined ? null : positiveCount('ranges', options.ranges)
    this.#gzip = isGzip(path, options.gzip)
    if ([this.#follow, this.#ranges !== null, this.#gzip].filter(Boolean).length > 1) {
      throw new BuildError(
        `"${path}" can be read in one way only: with follow, in ranges, or as gzip (a name that ends with .gz is, unless gzip: false is said).`,
      )
    }
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override async listParts(): Promise<string[]> {
    await checkInputFile(this.#path)
    const part = partNameOf(this.#path, this.#fsId)
    const count = this.#ranges
    if (count === null) return [part]
    return Array.from({ length: count }, (_, index) => `${part}::${index + 1}/${count}`)
  }

  override buildPart(
    stepId: string,
    part: string,
    resume: FilePosition | null,
  ): Promise<StatefulSourcePartition<string, FilePosition>> {
    const limits = { batchSize: this.#batchSize, maxLineBytes: this.#maxLineBytes }
    if (this.#ranges !== null) return this.#openRange(stepId, { part, resume }, limits)
    const path = pathOf(part, this.#fsId)
    if (this.#follow) {
      if (resume !== null && !isFollowed(resume)) throw this.#otherMode(stepId)
      const pace = { every: this.#followEvery, runtime: this.#runtime }
      return FollowPartition.open(path, resume, { ...limits, ...pace })
    }
    if (typeof resume === 'object' && resume !== null) throw this.#otherMode(stepId)
    return LinePartition.open(path, resume ?? 0, { ...limits, gzip: this.#gzip })
  }

  #openRange(
    stepId: string,
    at: { readonly part: string; readonly resume: FilePosition | null },
    limits: LineLimits,
  ): Promise<RangePartition> {
    const [, path = '', index = '', count = ''] = /^(.*)::(\d+)\/(\d+)$/s.exec(at.part) ?? []
    const { resume } = at
    if (Number(count) !== this.#ranges) throw this.#otherMode(stepId)
    if (resume !== null && !isRange(resume)) throw this.#otherMode(stepId)
    const range = { index: Number(index) - 1, count: Number(count) }
    return RangePartition.open(pathOf(path, this.#fsId), { range, resume }, limits)
  }

  #otherMode(stepId: string): ConnectorError {
    return new ConnectorError(
      `Step "${stepId}" read "${this.#path}" with other options (follow, ranges) before, and can't resume from that position. Keep them, or start without this recovery store.`,
    )
  }
}

const isFollowed = (position: FilePosition): position is FollowPosition =>
  typeof position === 'object' && 'file' in position

const isRange = (position: FilePosition): position is RangePosition =>
  typeof position === 'object' && 'size' in position
