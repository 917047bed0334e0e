import { constants, fdatasyncSync } from 'node:fs'
import { type FileHandle, open, realpath, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { StatefulSinkPartition } from '../../lib/flow/sink.ts'
import { syncDirectory } from './directory.ts'

export interface OutputOptions {
  /** What is written behind each value. */
  readonly end: string
  /** Whether the run keeps positions. */
  readonly recovery: boolean
  /** Whether a file that no position is known for may be replaced by a run that keeps positions. */
  readonly overwrite: boolean
}

interface Opened {
  readonly handle: FileHandle
  readonly position: number
  readonly renameFrom: string | null
  readonly regular: boolean
}

/**
 * One file being written.
 *
 * O1: with recovery the file itself is written, and on resume cut back to the position. O2: without
 * recovery it is written as `<path>.partial` and takes its name when the run has ended well, so
 * what stands under the path is always whole. O3: a position is told only of bytes on disk.
 */
export class OutputFile extends StatefulSinkPartition<string, number> {
  readonly #path: string
  readonly #handle: FileHandle
  readonly #end: string
  /** The name to take on `close`, if another is written under. */
  readonly #renameFrom: string | null
  readonly #syncs: boolean
  #position: number
  #synced: number
  #open = true

  private constructor(path: string, end: string, opened: Opened) {
    super()
    this.#path = path
    this.#end = end
    this.#handle = opened.handle
    this.#renameFrom = opened.renameFrom
    this.#syncs = opened.regular
    this.#position = opened.position
    this.#synced = opened.position
  }

  static async open(
    path: string,
    resume: number | null,
    options: OutputOptions,
  ): Promise<OutputFile> {
    const target = await realpath(path).catch(() => path)
    try {
      return new OutputFile(target, options.end, await openTarget(target, resume, options))
    } catch (failure) {
      throw failure instanceof ConnectorError ? failure : writeError(path, failure)
    }
  }

  override async writeBatch(values: string[]): Promise<void> {
    if (values.length === 0) return
    for (const value of values) {
      if (typeof value !== 'string') throw notText(this.#path, value)
    }
    const bytes = Buffer.from(values.join(this.#end) + this.#end)
    try {
      for (let at = 0; at < bytes.length; ) {
        const place = this.#syncs ? this.#position + at : null
        at += (await this.#handle.write(bytes, at, bytes.length - at, place)).bytesWritten
      }
    } catch (cause) {
      throw writeError(this.#path, cause)
    }
    this.#position += bytes.length
  }

  override async flush(): Promise<void> {
    if (!this.#syncs || this.#synced === this.#position) return
    const position = this.#position
    try {
      await this.#handle.datasync()
    } catch (cause) {
      throw writeError(this.#path, cause)
    }
    this.#synced = position
  }

  override snapshot(): number {
    if (this.#syncs && this.#synced !== this.#position) {
      fdatasyncSync(this.#handle.fd)
      this.#synced = this.#position
    }
    return this.#position
  }

  override async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    try {
      await this.flush()
      await this.#handle.close()
      if (this.#renameFrom === null) return
      await rename(this.#renameFrom, this.#path)
      await syncDirectory(dirname(this.#path))
    } catch (cause) {
      throw cause instanceof ConnectorError ? cause : writeError(this.#path, cause)
    }
  }

  /** The run failed: what was written stays under its partial name, or behind the last position. */
  override async abandon(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#handle.close()
  }
}

const openTarget = async (
  path: string,
  resume: number | null,
  { recovery, overwrite }: OutputOptions,
): Promise<Opened> => {
  const facts = await stat(path).catch(() => null)
  if (facts?.isDirectory() === true) throw new ConnectorError(`"${path}" is a directory.`)
  if (facts !== null && !facts.isFile()) return openDevice(path)
  if (resume !== null) return openAt(path, resume)
  if (!recovery) return openPartial(path, facts?.mode)
  if (facts !== null && facts.size > 0 && !overwrite) throw noPosition(path)
  return openAt(path, 0)
}

/** A pipe or a terminal: it can be neither cut back nor renamed. */
const openDevice = async (path: string): Promise<Opened> => ({
  handle: await open(path, 'a'),
  position: 0,
  renameFrom: null,
  regular: false,
})

const openPartial = async (path: string, mode: number | undefined): Promise<Opened> => {
  const renameFrom = `${path}.partial`
  return { handle: await open(renameFrom, 'w', mode), position: 0, renameFrom, regular: true }
}

const openAt = async (path: string, position: number): Promise<Opened> => {
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new ConnectorError(`"${path}" can't be cut back to position ${String(position)}.`)
  }
  const create = position === 0 ? constants.O_CREAT : 0
  const handle = await open(path, constants.O_RDWR | create).catch((cause: unknown) => {
    throw position > 0 && isMissing(cause) ? shorter(path, 0, position) : cause
  })
  try {
    const { size } = await handle.stat()
    if (size < position) throw shorter(path, size, position)
    await handle.truncate(position)
    await handle.sync()
    // It may have been made just now.
    if (position === 0) await syncDirectory(dirname(path))
    return { handle, position, renameFrom: null, regular: true }
  } catch (failure) {
    await handle.close()
    throw failure
  }
}

const isMissing = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'

const noPosition = (path: string): ConnectorError =>
  new ConnectorError(
    `"${path}" exists, but the recovery store knows no position in it, so it can't be told what of it belongs to this flow. Move it away, or replace it with overwrite: true.`,
  )

const shorter = (path: string, size: number, position: number): ConnectorError =>
  new ConnectorError(
    `"${path}" has ${size} bytes, but the flow had written ${position}: it was cut, moved or replaced since. Put it back, or start without this recovery store.`,
  )

export const notText = (path: string, value: unknown): ConnectorError =>
  new ConnectorError(
    `"${path}" takes strings, and got a ${value === null ? 'null' : typeof value}. Make text of the values before, for example mapValue('text', String).`,
  )

export const writeError = (path: string, cause: unknown): ConnectorError => {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const why = cause instanceof Error ? cause.message : String(cause)
  return new ConnectorError(`"${path}" can't be written: ${why}`, {
    cause,
    retryable: code === 'ENOSPC' || code === 'EDQUOT' || code === 'EIO',
  })
}
