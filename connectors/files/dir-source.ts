/**
 * Reads the lines of all matching files of a directory.
 *
 * - **Partitions**: a file each, named by its path (with `fsId`: `fsId::path`); with `discoverEvery` one more,
 *   named by the directory, which never ends.
 * - **Position**: the byte behind the last line handed over, for each file.
 * - **Delivery**: exactly once into the flow's state, since files can be read again.
 * - **Back-pressure**: a file's next 256 KiB are read when its last are handed over.
 * - **Needs**: nothing beyond Node.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { durationOption, positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { FixedPartitionedSource, StatefulSourcePartition } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { DurationLike } from '../../lib/time/time.ts'
import { MAX_LINE_BYTES } from '../line-buffer.ts'
import { FollowPartition, type FollowPosition } from './follow-partition.ts'
import { globTest } from './glob.ts'
import { type LineLimits, LinePartition } from './line-partition.ts'
import { checkFsId, partNameOf, pathOf, type ReadOptions } from './read-options.ts'

type DirPartition = StatefulSourcePartition<string, number | FollowPosition>

/** Nothing ever comes of it: milliseconds. */
const OUTLOOK_EVERY = 3_600_000

export interface DirSourceOptions extends ReadOptions {
  /**
   * How often the directory is listed again; a file that is new then joins the flow, which has no end.
   * Give files their names when they are whole, or `follow` them. @defaultValue never: the flow ends
   */
  readonly discoverEvery?: DurationLike
  /** Goes on reading files as they grow, as {@link FileSource} does; the flow has no end. @defaultValue false */
  readonly follow?: boolean
  /** How often a followed file that has not grown is looked at. @defaultValue 250 milliseconds */
  readonly followEvery?: DurationLike
  /** Which names are read: `*`, `?`, `[a-z]`, `{a,b}`; a leading dot only by a dot. @defaultValue '*' */
  readonly glob?: string
}

/**
 * Reads every matching file of a directory line by line, as {@link FileSource} does one.
 *
 * The directory is listed when the flow starts (and with `discoverEvery` again and again), sub-directories
 * are passed over. Files are read
 * side by side, so nothing is promised about order between them.
 *
 * With `follow` a file that is rotated must get a name that `glob` does not match, or it is read again.
 *
 * @throws ConnectorError when the directory is missing, is not one, or, without `discoverEvery`, holds no
 * matching file
 *
 * @example
 * ```ts
 * flow.input('logs', new DirSource('/var/log/app', { glob: '*.log' }))
 * ```
 */
export class DirSource extends FixedPartitionedSource<string, number | FollowPosition> {
  readonly #dir: string
  readonly #glob: string
  readonly #matches: (name: string) => boolean
  readonly #limits: LineLimits & { readonly gzip: boolean | undefined }
  readonly #fsId: string | undefined
  readonly #follow: boolean
  readonly #followEvery: number
  #runtime: Runtime = systemRuntime

  constructor(dir: string, options: DirSourceOptions = {}) {
    super()
    checkFsId(options.fsId)
    this.#dir = dir
    this.#glob = options.glob ?? '*'
    this.#matches = globTest(this.#glob)
    this.#limits = {
      batchSize: positiveCount('batchSize', options.batchSize ?? 1000),
      maxLineBytes: positiveCount('maxLineBytes', options.maxLineBytes ?? MAX_LINE_BYTES),
      gzip: options.gzip,
    }
    this.#fsId = options.fsId
    this.#follow = options.follow ?? false
    this.#followEvery = durationOption('followEvery', options.followEvery ?? 250)
    if (this.#follow && options.gzip === true) {
      throw new BuildError("A file that is followed can't be unpacked: leave out follow or gzip.")
    }
    if (options.discoverEvery !== undefined) this.discoverEvery = options.discoverEvery
  }

  /** The name of the partition that keeps the flow going. */
  get #outlook(): string {
    return partNameOf(`${this.#dir}/`, this.#fsId)
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override async listParts(): Promise<string[]> {
    await checkDirectory(this.#dir)
    const entries = await readdir(this.#dir, { withFileTypes: true })
    const parts: string[] = []
    for (const entry of entries) {
      if (!this.#matches(entry.name)) continue
      const path = join(this.#dir, entry.name)
      // A link counts as what it leads to.
      const file = entry.isSymbolicLink() ? await stat(path).catch(() => null) : entry
      if (file?.isFile() === true) parts.push(partNameOf(path, this.#fsId))
    }
    if (parts.length === 0 && this.discoverEvery === undefined) {
      throw new ConnectorError(
        `input directory \`${this.#dir}\` has no file that matches "${this.#glob}"`,
      )
    }
    if (this.discoverEvery !== undefined) parts.push(this.#outlook)
    return parts.sort()
  }

  override buildPart(
    stepId: string,
    part: string,
    resume: number | FollowPosition | null,
  ): Promise<DirPartition> {
    if (part === this.#outlook) return Promise.resolve(new Outlook(this.#runtime))
    const path = pathOf(part, this.#fsId)
    if (!this.#follow) {
      if (typeof resume === 'object' && resume !== null) throw otherMode(stepId)
      return LinePartition.open(path, resume ?? 0, this.#limits)
    }
    if (typeof resume === 'number') throw otherMode(stepId)
    const pace = { every: this.#followEvery, runtime: this.#runtime }
    return FollowPartition.open(path, resume, { ...this.#limits, ...pace })
  }
}

/** Is there as long as the flow is: without it the flow would end when all files are read. */
class Outlook extends StatefulSourcePartition<string, number> {
  readonly #runtime: Runtime

  constructor(runtime: Runtime) {
    super()
    this.#runtime = runtime
  }

  override nextBatch(): string[] {
    return []
  }

  override nextAwake(): number {
    return this.#runtime.now() + OUTLOOK_EVERY
  }

  override snapshot(): number {
    return 0
  }
}

const otherMode = (stepId: string): ConnectorError =>
  new ConnectorError(
    `Step "${stepId}" read its files with another \`follow\` before, and can't resume from those positions. Keep the option, or start without this recovery store.`,
  )

const checkDirectory = async (dir: string): Promise<void> => {
  const facts = await stat(dir).catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      throw new ConnectorError(
        `input directory \`${dir}\` does not exist; the path is taken from ${process.cwd()}`,
        { cause },
      )
    }
    throw new ConnectorError(`input directory \`${dir}\` can't be read: ${String(cause)}`, {
      cause,
    })
  })
  if (!facts.isDirectory())
    throw new ConnectorError(`input directory \`${dir}\` is not a directory`)
}
