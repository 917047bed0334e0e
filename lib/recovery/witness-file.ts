import { type FileHandle, open, readFile } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { damaged } from './record.ts'
import type { Mark, Witness } from './witness.ts'

/** crc32, how many marks came before, execution + 1, epoch. */
const SLOT = 4 + 6 + 4 + 8

/**
 * A witness in a file of two slots, written in turn: a torn write leaves the mark before it.
 */
export class WitnessFile implements Witness {
  readonly #path: string
  #file: FileHandle | null = null
  #count = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Makes the file, with no mark in it. */
  static async create(path: string): Promise<void> {
    const file = await open(path, 'w')
    await file.write(Buffer.concat([slot(0, null), slot(0, null)]))
    await file.sync()
    await file.close()
  }

  async read(): Promise<Mark | null> {
    const bytes = await readFile(this.#path).catch((cause: unknown) => {
      const gone = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
      throw gone ? damaged(this.#path, 'it is gone', { cause }) : cause
    })
    const slots = [parse(bytes.subarray(0, SLOT)), parse(bytes.subarray(SLOT, 2 * SLOT))]
    const newest = slots.reduce(
      (best, found) =>
        found !== null && (best === null || found.count > best.count) ? found : best,
      null,
    )
    if (newest === null) throw damaged(this.#path, 'both of its marks have wrong checksums')
    this.#count = newest.count
    return newest.mark
  }

  async write(mark: Mark, options: { readonly sync: boolean }): Promise<void> {
    this.#file ??= await open(this.#path, 'r+')
    this.#count++
    await this.#file.write(slot(this.#count, mark), 0, SLOT, (this.#count % 2) * SLOT)
    if (options.sync) await this.#file.datasync()
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = null
  }
}

const slot = (count: number, mark: Mark | null): Buffer => {
  const bytes = Buffer.alloc(SLOT)
  bytes.writeUIntBE(count, 4, 6)
  if (mark !== null) {
    bytes.writeUInt32BE(mark.execution + 1, 10)
    bytes.writeBigUInt64BE(BigInt(mark.epoch), 14)
  }
  bytes.writeUInt32BE(crc32(bytes.subarray(4)))
  return bytes
}

const parse = (bytes: Buffer): { readonly count: number; readonly mark: Mark | null } | null => {
  if (bytes.length < SLOT || bytes.readUInt32BE() !== crc32(bytes.subarray(4))) return null
  const execution = bytes.readUInt32BE(10)
  const mark =
    execution === 0 ? null : { execution: execution - 1, epoch: Number(bytes.readBigUInt64BE(14)) }
  return { count: bytes.readUIntBE(4, 6), mark }
}
