import type { StoredBlock } from './block-key.ts'

/** What one object holds of blocks, unless a single one is larger. */
export const OBJECT_BYTES: number = 4 * 1024 * 1024
/** What may wait while the archive is away, where commit does not wait for it. */
const MOST_BYTES = 64 * 1024 * 1024
const MOST_ENTRIES = 1024

/** What one call of `append` made durable here, and is to be sent. */
export interface Entry {
  readonly number: number
  /** The frontier behind it. */
  readonly to: number
  readonly blocks: readonly StoredBlock[]
  /** When it was taken, by the monotonic clock. */
  readonly at: number
}

/** The entries that wait for their archive, oldest first. */
export class ArchiveBacklog {
  #entries: (Entry & { readonly bytes: number })[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  get isTooMuch(): boolean {
    return this.#bytes > MOST_BYTES || this.#entries.length > MOST_ENTRIES
  }

  /** When the oldest one was taken, by the monotonic clock. */
  get since(): number | undefined {
    return this.#entries[0]?.at
  }

  add(entry: Entry): void {
    const bytes = storedBytes(entry.blocks)
    this.#entries.push({ ...entry, bytes })
    this.#bytes += bytes
  }

  /** The oldest entries, as many as go into one object; those up to `covered` and those behind it apart. */
  share(covered: number): readonly Entry[] {
    const share: Entry[] = []
    let bytes = 0
    for (const entry of this.#entries) {
      const fits = bytes + entry.bytes <= OBJECT_BYTES && entry.number !== covered + 1
      if (share.length > 0 && !fits) break
      share.push(entry)
      bytes += entry.bytes
    }
    return share
  }

  /** Forgets what is in the archive; some of it may have been forgotten before. */
  removeUpTo(last: number): void {
    this.#entries = this.#entries.filter(({ number }) => number > last)
    this.#bytes = this.#entries.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  clear(): void {
    this.#entries = []
    this.#bytes = 0
  }
}

const storedBytes = (blocks: readonly StoredBlock[]): number =>
  blocks.reduce((sum, { key, bytes }) => sum + key.raw.length + bytes.length, 0)
