import type { Buffer } from 'node:buffer'
import { createReadStream, type ReadStream } from 'node:fs'
import { createGunzip, type Gunzip } from 'node:zlib'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { type ByteInput, checkInputFile, checkOffset } from './input-file.ts'

const CHUNK_BYTES = 256 * 1024
const NOTHING: Uint8Array = new Uint8Array()

/** What a gzip file unpacks to, read forward; offsets count unpacked bytes. */
export class GzipFile implements ByteInput {
  readonly path: string
  readonly #packed: ReadStream
  readonly #unpacked: Gunzip
  readonly #chunks: AsyncIterator<Buffer>
  /** Bytes still to be passed over: what lies before an offset can't be jumped. */
  #skip: number
  #offset: number

  private constructor(path: string, offset: number) {
    this.path = path
    this.#skip = offset
    this.#offset = offset
    this.#packed = createReadStream(path)
    this.#unpacked = createGunzip({ chunkSize: CHUNK_BYTES })
    this.#packed.on('error', (failure) => this.#unpacked.destroy(failure))
    this.#packed.pipe(this.#unpacked)
    this.#chunks = this.#unpacked[Symbol.asyncIterator]()
  }

  static async open(path: string, offset: number): Promise<GzipFile> {
    checkOffset(path, offset)
    await checkInputFile(path)
    return new GzipFile(path, offset)
  }

  get offset(): number {
    return this.#offset
  }

  /** The next unpacked bytes; empty at the end of the file. */
  async read(): Promise<Uint8Array> {
    for (;;) {
      const chunk = await this.#next()
      if (chunk === null) return this.#atEnd()
      const passed = Math.min(this.#skip, chunk.length)
      this.#skip -= passed
      if (passed === chunk.length) continue
      this.#offset += chunk.length - passed
      return chunk.subarray(passed)
    }
  }

  async #next(): Promise<Buffer | null> {
    try {
      const { done, value } = await this.#chunks.next()
      return done === true ? null : value
    } catch (cause) {
      throw notGzip(this.path, cause)
    }
  }

  #atEnd(): Uint8Array {
    if (this.#skip === 0) return NOTHING
    throw new ConnectorError(
      `"${this.path}" unpacks to ${this.#offset - this.#skip} bytes, but was read up to byte ${this.#offset}: it was replaced since. Put the file back, or start without its recovery store.`,
    )
  }

  async close(): Promise<void> {
    this.#packed.destroy()
    this.#unpacked.destroy()
  }
}

const notGzip = (path: string, cause: unknown): ConnectorError => {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const why = cause instanceof Error ? cause.message : String(cause)
  if (code === 'Z_BUF_ERROR') {
    return new ConnectorError(
      `"${path}" is a gzip file that is cut short: it ends amid its data. Bring the whole file.`,
      { cause },
    )
  }
  if (code.startsWith('Z_')) {
    return new ConnectorError(
      `"${path}" can't be unpacked: ${why}. It is damaged, or no gzip file: then say gzip: false.`,
      { cause },
    )
  }
  return new ConnectorError(`input file \`${path}\` can't be read: ${why}`, {
    cause,
    retryable: code === 'EIO' || code === 'EMFILE' || code === 'ENFILE',
  })
}
