import { CorruptPartitionError, FencedError } from '../errors/errors.ts'
import type { Archive } from './archive.ts'
import {
  type ArchiveHeader,
  type ArchiveObject,
  damagedObject,
  decodeObject,
  encodeObject,
  MOST_OBJECT_BYTES,
} from './archive-object.ts'
import type { StoredBlock } from './block-key.ts'
import type { Identity } from './manifest.ts'

const DIGITS = 12
const SEQUENCE = /^\d{12}$/

/**
 * The objects of one partition in an archive: numbered, each made once.
 *
 * A place in the log is taken by whoever makes the object of that number first. A dead execution that
 * wakes up finds its place taken and knows (see `create`).
 */
export class ArchiveLog {
  readonly identity: Identity
  readonly #archive: Archive
  readonly #prefix: string

  constructor(archive: Archive, identity: Identity) {
    this.#archive = archive
    this.identity = identity
    this.#prefix = `stores/${identity.store}/of-${identity.count}/part-${identity.index}/`
  }

  nameOf(sequence: number): string {
    return `${this.#prefix}${String(sequence).padStart(DIGITS, '0')}`
  }

  /** The numbers of all objects that are there, from the lowest to the highest. */
  async sequences(): Promise<readonly number[]> {
    const names = await this.#archive.list(this.#prefix)
    return names
      .map((name) => name.slice(this.#prefix.length))
      .filter((name) => SEQUENCE.test(name))
      .map(Number)
      .sort((a, b) => a - b)
  }

  /**
   * Makes the object of the next number, and gives its length.
   *
   * @throws FencedError where the place is taken, and not by these very bytes
   */
  async append(header: ArchiveHeader, blocks: readonly StoredBlock[]): Promise<number> {
    const name = this.nameOf(header.sequence)
    const bytes = encodeObject(header, blocks)
    if (await this.#archive.create(name, bytes)) return bytes.length
    // An answer that got lost: the object may be the one that was sent before.
    const there = await this.#archive.read(name, MOST_OBJECT_BYTES)
    if (there !== null && Buffer.compare(there, bytes) === 0) return bytes.length
    throw fenced(name)
  }

  /** @throws CorruptPartitionError where it is gone or damaged */
  async read(sequence: number): Promise<ArchiveObject> {
    const name = this.nameOf(sequence)
    const bytes = await this.#archive.read(name, MOST_OBJECT_BYTES)
    if (bytes === null) throw damagedObject(name, 'it is gone')
    const { store, index } = this.identity
    return decodeObject(bytes, { name, store, index, sequence })
  }

  /** The header of the last object; `null` for an empty log. */
  async end(): Promise<ArchiveHeader | null> {
    const sequence = (await this.sequences()).at(-1)
    return sequence === undefined ? null : (await this.read(sequence)).header
  }

  async remove(sequences: readonly number[]): Promise<void> {
    for (const sequence of sequences) await this.#archive.remove(this.nameOf(sequence))
  }
}

export const fenced = (name: string): FencedError =>
  new FencedError(
    `Another execution has written ${name}, which was this one's to write: it has taken the flow over. ` +
      'This execution has to stop.',
  )

const OWNER = 'owners/'

/** Whose recovery directory a store is: found again when the directory is gone. */
export class Owners {
  readonly #archive: Archive
  readonly #label: string

  constructor(archive: Archive, label: string) {
    this.#archive = archive
    this.#label = label
  }

  /** The store that was kept here last; `null` where none was. */
  async find(): Promise<{ readonly store: string; readonly count: number } | null> {
    const name = (await this.#archive.list(this.#prefix)).at(-1)
    if (name === undefined) return null
    const bytes = await this.#archive.read(name, 4096)
    const found = bytes === null ? null : parsed(bytes)
    if (found === null) throw damagedObject(name, 'it does not say whose store it is')
    return found
  }

  /** From now on this store is the one. */
  async set(owned: { readonly store: string; readonly count: number }): Promise<void> {
    const names = await this.#archive.list(this.#prefix)
    const last = await this.find()
    if (last?.store === owned.store && last.count === owned.count) return
    const next = Number(names.at(-1)?.slice(this.#prefix.length) ?? -1) + 1
    const name = `${this.#prefix}${String(next).padStart(DIGITS, '0')}`
    if (!(await this.#archive.create(name, Buffer.from(JSON.stringify(owned))))) throw fenced(name)
    for (const old of names.slice(0, -1)) await this.#archive.remove(old)
  }

  /** All stores that any owner has, and whose they are. */
  static async all(
    archive: Archive,
  ): Promise<
    readonly { readonly owner: string; readonly store: string; readonly count: number }[]
  > {
    const labels = new Set(
      (await archive.list(OWNER)).map((name) => name.slice(OWNER.length).split('/')[0] ?? ''),
    )
    const found = await Promise.all(
      [...labels].map(async (owner) => ({ owner, owned: await new Owners(archive, owner).find() })),
    )
    return found.flatMap(({ owner, owned }) => (owned === null ? [] : [{ owner, ...owned }]))
  }

  get #prefix(): string {
    return `${OWNER}${this.#label}/`
  }
}

const parsed = (bytes: Uint8Array): { readonly store: string; readonly count: number } | null => {
  try {
    const { store, count } = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>
    if (typeof store !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(store)) return null
    if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > 1024)
      return null
    return { store, count }
  } catch {
    return null
  }
}

/** Whether an error says that bytes are not what they were. */
export const isDamage = (error: unknown): boolean => error instanceof CorruptPartitionError
