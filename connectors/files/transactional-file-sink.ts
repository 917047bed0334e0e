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
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { type SlotContext, TransactionalSink } from '../../lib/flow/sink.ts'
import { StagedFile, type StagedFilePosition } from './staged-file.ts'

export interface TransactionalFileSinkOptions {
  /** What is written behind each value. @defaultValue '\n' */
  readonly end?: string
  /** What the names of the files end with. @defaultValue '.txt' */
  readonly extension?: string
  /** Removes published files that the recovery store knows nothing of, instead of failing. @defaultValue false */
  readonly overwrite?: boolean
}

/** Files that are not published yet; hidden, so that no glob of a reader finds them. */
const STAGING = '.staged'

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
    if (extension.includes('/') || extension.includes('\\')) {
      throw new BuildError(`extension must not lead to another directory; got "${extension}".`)
    }
    this.#dir = dir
    this.#end = end
    this.#extension = extension
    this.#overwrite = overwrite
  }

  override useRun({ recovery }: RunFacts): void {
    this.#recovery = recovery
  }

  override async build(_stepId: string, slot: string, context: SlotContext): Promise<StagedFile> {
    const staging = join(this.#dir, STAGING)
    await mkdir(staging, { recursive: true })
    await this.#discard(staging, slot, context.resumeEpoch)
    await this.#checkPublished(slot, context.resumeEpoch)
    return new StagedFile({
      dir: this.#dir,
      staging,
      prefix: prefixOf(slot),
      extension: this.#extension,
      end: this.#end,
      execution: context.execution,
    })
  }

  /** What older executions wrote and nothing will publish. */
  async #discard(staging: string, slot: string, resumeEpoch: number): Promise<void> {
    for (const name of await readdir(staging)) {
      if (!name.startsWith(prefixOf(slot))) continue
      const epoch = epochOf(name, slot)
      if (epoch === null || epoch >= resumeEpoch) await rm(join(staging, name), { force: true })
    }
  }

  async #checkPublished(slot: string, resumeEpoch: number): Promise<void> {
    const replaces = this.#overwrite || !this.#recovery
    for (const name of await readdir(this.#dir)) {
      if (!name.startsWith(prefixOf(slot)) || !name.endsWith(this.#extension)) continue
      const epoch = epochOf(name.slice(0, name.length - this.#extension.length), slot)
      if (epoch === null || epoch < resumeEpoch) continue
      if (!replaces) throw unknown(join(this.#dir, name), resumeEpoch)
      await rm(join(this.#dir, name), { force: true })
    }
  }
}

const prefixOf = (slot: string): string => `part-${slot.padStart(2, '0')}-`

/** The epoch behind the slot in a name, whatever follows it; `null` where there is none. */
const epochOf = (name: string, slot: string): number | null => {
  const found = /^(\d{10,16})(?:\.\d+)?$/.exec(name.slice(prefixOf(slot).length))
  return found === null ? null : Number(found[1])
}

const unknown = (path: string, resumeEpoch: number): ConnectorError =>
  new ConnectorError(
    `"${path}" is published, but the flow goes on at epoch ${resumeEpoch}, so it can't be its own: its recovery store was replaced or put back. Move the files away, or replace them with overwrite: true.`,
  )
