/**
 * Reads the lines of all matching files of a directory.
 *
 * - **Partitions**: a file each, named by its path (with `fsId`: `fsId::path`).
 * - **Position**: the byte behind the last line handed over, for each file.
 * - **Delivery**: exactly once into the flow's state, since files can be read again.
 * - **Back-pressure**: a file's next 256 KiB are read when its last are handed over.
 * - **Needs**: nothing beyond Node.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { positiveCount } from '../../lib/flow/options.ts'
import { FixedPartitionedSource } from '../../lib/flow/source.ts'
import { MAX_LINE_BYTES } from '../line-buffer.ts'
import { globTest } from './glob.ts'
import { LinePartition } from './line-partition.ts'
import { checkFsId, partNameOf, pathOf, type ReadOptions } from './read-options.ts'

export interface DirSourceOptions extends ReadOptions {
  /** Which names are read: `*`, `?`, `[a-z]`, `{a,b}`; a leading dot only by a dot. @defaultValue '*' */
  readonly glob?: string
}

/**
 * Reads every matching file of a directory line by line, as {@link FileSource} does one.
 *
 * The directory is listed when the flow starts, sub-directories are passed over. Files are read
 * side by side, so nothing is promised about order between them.
 *
 * @throws ConnectorError when the directory is missing, is not one, or holds no matching file
 *
 * @example
 * ```ts
 * flow.input('logs', new DirSource('/var/log/app', { glob: '*.log' }))
 * ```
 */
export class DirSource extends FixedPartitionedSource<string, number> {
  readonly #dir: string
  readonly #glob: string
  readonly #matches: (name: string) => boolean
  readonly #limits: { readonly batchSize: number; readonly maxLineBytes: number }
  readonly #fsId: string | undefined

  constructor(dir: string, options: DirSourceOptions = {}) {
    super()
    checkFsId(options.fsId)
    this.#dir = dir
    this.#glob = options.glob ?? '*'
    this.#matches = globTest(this.#glob)
    this.#limits = {
      batchSize: positiveCount('batchSize', options.batchSize ?? 1000),
      maxLineBytes: positiveCount('maxLineBytes', options.maxLineBytes ?? MAX_LINE_BYTES),
    }
    this.#fsId = options.fsId
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
    if (parts.length === 0) {
      throw new ConnectorError(
        `input directory \`${this.#dir}\` has no file that matches "${this.#glob}"`,
      )
    }
    return parts.sort()
  }

  override buildPart(_stepId: string, part: string, resume: number | null): Promise<LinePartition> {
    return LinePartition.open(pathOf(part, this.#fsId), resume ?? 0, this.#limits)
  }
}

const checkDirectory = async (dir: string): Promise<void> => {
  const facts = await stat(dir).catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      throw new ConnectorError(`input directory \`${dir}\` does not exist`, { cause })
    }
    throw new ConnectorError(`input directory \`${dir}\` can't be read: ${String(cause)}`, {
      cause,
    })
  })
  if (!facts.isDirectory())
    throw new ConnectorError(`input directory \`${dir}\` is not a directory`)
}
