import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { ConnectorError } from '../../lib/errors/errors.ts'
import type { InputFile } from './input-file.ts'

/** So many of a file's first bytes are remembered: a line of a log, with the time it begins with. */
const HEAD_BYTES = 256

/** The first bytes of a file: how many, and their digest. */
export interface FileHead {
  readonly bytes: number
  readonly digest: string
}

/**
 * Knows a file that only grows by its first bytes.
 *
 * A file that is emptied and written anew keeps its identity, and may be longer than before when it
 * is looked at next: then its beginning alone tells.
 */
export class HeadWatch {
  #head: Buffer = Buffer.alloc(0)
  #seen: FileHead = headOf(this.#head)

  /**
   * @param file - opened where it is read on
   * @param head - how it began when it was read before, if that is known
   * @throws ConnectorError for a file that begins otherwise
   */
  static async resume(file: InputFile, head: FileHead | null): Promise<HeadWatch> {
    const watch = new HeadWatch()
    const bytes = Math.max(Math.min(HEAD_BYTES, file.offset), head?.bytes ?? 0)
    const first = Buffer.from(await file.first(bytes))
    if (head !== null && headOf(first.subarray(0, head.bytes)).digest !== head.digest) {
      throw new ConnectorError(
        `"${file.path}" begins otherwise than when it was read up to byte ${file.offset}: it was emptied or replaced since. Put the file back, or start without its recovery store.`,
      )
    }
    watch.#take(first.subarray(0, Math.min(HEAD_BYTES, file.offset)))
    return watch
  }

  /** How it began, as far as it was read. */
  get seen(): FileHead {
    return this.#seen
  }

  /** Whether the file that `chunk` was just read from still begins as before. */
  async holds(file: InputFile, chunk: Uint8Array): Promise<boolean> {
    const start = file.offset - chunk.length
    if (start === this.#head.length && start < HEAD_BYTES) {
      this.#take(Buffer.concat([this.#head, chunk.subarray(0, HEAD_BYTES - start)]))
    }
    return this.#head.equals(await file.first(this.#head.length))
  }

  #take(head: Buffer): void {
    this.#head = head
    this.#seen = headOf(head)
  }
}

const headOf = (bytes: Buffer): FileHead => ({
  bytes: bytes.length,
  digest: createHash('sha256').update(bytes).digest('base64url'),
})
