import { Buffer } from 'node:buffer'
import type { Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { ConnectorError } from '../../lib/errors/errors.ts'

/** 256 KiB: large enough that calls cost nothing, small enough to hold one for each open file. */
const CHUNK_BYTES: number = 256 * 1024

/** Bytes that are read forward, counted from the start of what is read. */
export interface ByteInput {
  readonly path: string
  /** Bytes read, those before the place where it was opened included. */
  readonly offset: number
  /** The next bytes, valid until the next call; empty at the end. */
  read(): Promise<Uint8Array>
  close(): Promise<void>
}

/** A file that is read forward from a byte offset. */
export class InputFile implements ByteInput {
  readonly path: string
  readonly #handle: FileHandle
  readonly #seekable: boolean
  readonly #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  #offset: number

  private constructor(
    path: string,
    handle: FileHandle,
    from: { offset: number; regular: boolean },
  ) {
    this.path = path
    this.#handle = handle
    this.#seekable = from.regular
    this.#offset = from.offset
  }

  /** Opens a file at `offset`, which must lie in it. */
  static async open(path: string, offset: number): Promise<InputFile> {
    checkOffset(path, offset)
    const handle = await open(path, 'r').catch((cause: unknown) => {
      throw readError(path, cause)
    })
    try {
      const facts = await handle.stat()
      refuseDirectory(path, facts)
      if (facts.size < offset) {
        throw new ConnectorError(
          `"${path}" has ${facts.size} bytes, but was read up to byte ${offset}: it was cut or replaced since. Put the file back, or start without its recovery store.`,
        )
      }
      return new InputFile(path, handle, { offset, regular: facts.isFile() })
    } catch (failure) {
      await handle.close()
      throw failure
    }
  }

  /** The next bytes, valid until the next call; empty at the end of the file. */
  async read(): Promise<Uint8Array> {
    try {
      const position = this.#seekable ? this.#offset : null
      const { bytesRead } = await this.#handle.read(this.#chunk, 0, CHUNK_BYTES, position)
      this.#offset += bytesRead
      return this.#chunk.subarray(0, bytesRead)
    } catch (cause) {
      throw readError(this.path, cause)
    }
  }

  /** A copy of the file's first bytes, as they are now; empty for what is no regular file. */
  async first(count: number): Promise<Uint8Array> {
    if (!this.#seekable) return new Uint8Array(0)
    try {
      const { bytesRead, buffer } = await this.#handle.read(Buffer.alloc(count), 0, count, 0)
      return buffer.subarray(0, bytesRead)
    } catch (cause) {
      throw readError(this.path, cause)
    }
  }

  /** Bytes read, counted from the start of the file. */
  get offset(): number {
    return this.#offset
  }

  stat(): Promise<Stats> {
    return this.#handle.stat()
  }

  /** Reads on at another byte. */
  seek(offset: number): void {
    this.#offset = offset
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

/** Refuses what no position of ours can be. */
export const checkOffset = (path: string, offset: number): void => {
  if (Number.isSafeInteger(offset) && offset >= 0) return
  throw new ConnectorError(`"${path}" can't be read from position ${String(offset)}.`)
}

/** Refuses a path that is no readable file, before a partition is made of it. */
export const checkInputFile = async (path: string): Promise<void> => {
  const facts = await stat(path).catch((cause: unknown) => {
    throw readError(path, cause)
  })
  refuseDirectory(path, facts)
}

const refuseDirectory = (path: string, facts: Stats): void => {
  if (facts.isDirectory()) {
    throw new ConnectorError(`input file \`${path}\` is a directory; DirSource reads one.`)
  }
}

/** A driver's error as ours. */
const readError = (path: string, cause: unknown): ConnectorError => {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'ENOENT') {
    return new ConnectorError(
      `input file \`${path}\` does not exist; the path is taken from ${process.cwd()}`,
      { cause },
    )
  }
  const why = cause instanceof Error ? cause.message : String(cause)
  return new ConnectorError(`input file \`${path}\` can't be read: ${why}`, {
    cause,
    retryable: code === 'EIO' || code === 'EMFILE' || code === 'ENFILE',
  })
}
