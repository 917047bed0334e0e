import type { Change, KeyRange, Table, TableEntry } from './table.ts'

/** What becomes of a write, for specs: done, refused, or done and reported as failed. */
export type WriteFate = 'done' | 'lost' | 'torn'

/** Entries of one scan that are handed over at once. */
const CHUNK = 64

/** The disk under a table in memory: outlives its handles, and knows what was synced. */
export class MemoryDisk {
  /** Keys as Latin-1 text, whose order is that of their bytes. */
  readonly entries: Map<string, Uint8Array> = new Map()
  locked = false
  /** What the writes since the last sync replaced, in their order. */
  #undo: (readonly [key: string, value: Uint8Array | undefined])[] = []

  put(key: string, value: Uint8Array | null): void {
    this.#undo.push([key, this.entries.get(key)])
    if (value === null) this.entries.delete(key)
    else this.entries.set(key, value)
  }

  sync(): void {
    this.#undo = []
  }

  /** The power went: back to what was synced. */
  loseUnsynced(): void {
    for (const [key, value] of this.#undo.reverse()) {
      if (value === undefined) this.entries.delete(key)
      else this.entries.set(key, value)
    }
    this.#undo = []
  }
}

/** A table in memory with the promises of one on a disk. */
export class MemoryTable implements Table {
  readonly #disk: MemoryDisk
  readonly #fate: () => WriteFate | Promise<WriteFate>
  #open = true

  constructor(disk: MemoryDisk, fate: () => WriteFate | Promise<WriteFate> = () => 'done') {
    this.#disk = disk
    this.#fate = fate
  }

  async get(key: Uint8Array): Promise<Uint8Array | null> {
    this.#checkOpen()
    return this.#disk.entries.get(text(key)) ?? null
  }

  async *descend(range: KeyRange): AsyncGenerator<readonly TableEntry[]> {
    const entries = this.#entries(range).reverse()
    for (let at = 0; at < entries.length; at += CHUNK) {
      this.#checkOpen()
      yield entries
        .slice(at, at + CHUNK)
        .map(([key, value]) => ({ key: Buffer.from(key, 'latin1'), value }))
    }
  }

  async *keys(range: KeyRange): AsyncGenerator<readonly Uint8Array[]> {
    yield this.#entries(range).map(([key]) => Buffer.from(key, 'latin1'))
  }

  async write(changes: readonly Change[], options: { readonly sync: boolean }): Promise<void> {
    const fate = await this.#fate()
    this.#checkOpen()
    if (fate === 'lost') throw new Error('The write was lost.')
    for (const { key, value } of changes) this.#disk.put(text(key), value)
    if (fate === 'torn') throw new Error('The write was reported as failed.')
    if (options.sync) this.#disk.sync()
  }

  async compact(): Promise<void> {}

  async close(): Promise<void> {
    if (this.#open) this.#disk.locked = false
    this.#open = false
  }

  /** The process is gone: whoever still holds the handle writes nothing more. */
  abandon(): void {
    this.#open = false
  }

  #entries(range: KeyRange): [string, Uint8Array][] {
    this.#checkOpen()
    const from = text(range.from)
    const below = text(range.below)
    return [...this.#disk.entries]
      .filter(([key]) => key >= from && key < below)
      .sort(([one], [other]) => (one < other ? -1 : 1))
  }

  #checkOpen(): void {
    if (!this.#open) throw new Error('The table is closed.')
  }
}

const text = (key: Uint8Array): string => Buffer.from(key).toString('latin1')
