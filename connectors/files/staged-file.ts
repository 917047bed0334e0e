import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { TransactionalSinkPartition } from '../../lib/flow/sink.ts'
import { syncDirectory } from './directory.ts'
import { writeError } from './output-file.ts'

/** An epoch of a slot that is on disk and waits to be published: names within the sink's directory. */
export interface StagedFilePosition {
  readonly staged: string
  readonly name: string
  readonly bytes: number
}

/** Makes the bytes of one file of items. */
export interface StagedFormat<T> {
  /** What is to be written now; may be nothing yet. */
  take(items: readonly T[]): Uint8Array
  /** What stands at the end. */
  end(): Uint8Array
}

export interface StagedPlace<T> {
  readonly dir: string
  readonly staging: string
  /** What the names of the slot's files begin with. */
  readonly prefix: string
  readonly extension: string
  readonly execution: number
  /** Begins a file. */
  readonly format: () => StagedFormat<T>
}

/** Names sort as epochs do. */
const EPOCH_DIGITS = 10

/**
 * One slot's files.
 *
 * S1. The open file's name has no epoch, so that nothing publishes it; it gets one when its bytes
 *     are on disk, and the directory after it.
 * S2. Names carry the execution: what a dead one still writes is no file of a later one.
 * S3. A file is renamed out of the staging directory and nothing else takes one away that was promised;
 *     so one that is no longer there, and stands published, has been published.
 */
export class StagedFile<T> extends TransactionalSinkPartition<T, StagedFilePosition> {
  readonly #place: StagedPlace<T>
  #handle: FileHandle | null = null
  #format: StagedFormat<T>
  #bytes = 0

  constructor(place: StagedPlace<T>) {
    super()
    this.#place = place
    this.#format = place.format()
  }

  override async writeBatch(items: T[]): Promise<void> {
    if (items.length > 0) await this.#write(this.#format.take(items))
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      this.#handle ??= await open(this.#openPath, 'w')
      for (let at = 0; at < bytes.length; ) {
        const place = this.#bytes + at
        at += (await this.#handle.write(bytes, at, bytes.length - at, place)).bytesWritten
      }
    } catch (cause) {
      throw writeError(this.#openPath, cause)
    }
    this.#bytes += bytes.length
  }

  override async prepare(epoch: number): Promise<StagedFilePosition | null> {
    const handle = this.#handle
    if (handle === null) return null
    await this.#write(this.#format.end())
    this.#format = this.#place.format()
    const { prefix, extension, execution, staging } = this.#place
    const number = `${prefix}${String(epoch).padStart(EPOCH_DIGITS, '0')}`
    const staged = `${number}.${execution}`
    const bytes = this.#bytes
    this.#handle = null
    this.#bytes = 0
    try {
      await handle.sync()
      await handle.close()
      await rename(this.#openPath, join(staging, staged))
      await syncDirectory(staging)
    } catch (cause) {
      throw writeError(join(staging, staged), cause)
    }
    return { staged, name: `${number}${extension}`, bytes }
  }

  override async commit({ staged, name, bytes }: StagedFilePosition): Promise<void> {
    const from = join(this.#place.staging, staged)
    const to = join(this.#place.dir, name)
    try {
      const facts = await stat(from).catch(ifMissing)
      if (facts === null) await this.#checkPublished(from, to)
      else if (facts.size !== bytes) throw cut(from, facts.size, bytes)
      else await rename(from, to)
      await syncDirectory(this.#place.dir)
    } catch (failure) {
      throw failure instanceof ConnectorError ? failure : commitError(to, failure)
    }
  }

  override async abort({ staged }: StagedFilePosition): Promise<void> {
    await rm(join(this.#place.staging, staged), { force: true })
  }

  override async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = null
    if (handle === null) return
    await handle.close()
    await rm(this.#openPath, { force: true })
  }

  /** A whole directory that is not there has been taken away, and may come back with all that was in it. */
  async #checkPublished(from: string, to: string): Promise<void> {
    if ((await stat(to).catch(ifMissing)) !== null) return
    await stat(this.#place.staging)
    throw gone(from, to)
  }

  get #openPath(): string {
    const { staging, prefix, execution } = this.#place
    return join(staging, `${prefix}open.${execution}`)
  }
}

const ifMissing = (cause: unknown): null => {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
  throw cause
}

/** What the directory's going away, or its being read-only for a while, looks like to a commit. */
const AWAY = new Set(['ENOENT', 'ENOTDIR', 'EROFS', 'EACCES', 'EPERM', 'ESTALE', 'EBUSY'])

/** A commit can be made again: it waits for its directory. */
const commitError = (path: string, cause: unknown): ConnectorError => {
  const error = writeError(path, cause)
  if (!(cause instanceof Error && 'code' in cause && AWAY.has(String(cause.code)))) return error
  return new ConnectorError(error.message, { cause, retryable: true })
}

const gone = (from: string, to: string): ConnectorError =>
  new ConnectorError(
    `"${from}" was promised and is gone, and "${to}" is not there either. Put one of them back; if "${to}" has been taken away on purpose, an empty file of that name lets the flow go on.`,
  )

const cut = (path: string, size: number, bytes: number): ConnectorError =>
  new ConnectorError(
    `"${path}" has ${size} bytes, but ${bytes} were staged: it was changed since. Put it back.`,
  )
