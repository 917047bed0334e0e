import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Level } from 'level'
import {
  CorruptPartitionError,
  LockedPartitionError,
  RecoveryError,
  type TidemarkError,
} from '../errors/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Change, KeyRange, Table, TableEntry } from './table.ts'

/** `level` hides what only one of its backends can do. */
type Database = Level<Uint8Array, Uint8Array> & {
  compactRange(
    from: Uint8Array,
    below: Uint8Array,
    options: { readonly keyEncoding: string },
  ): Promise<void>
}

/** Bytes handed to the driver, or taken from it, before others have a turn. */
const SLICE_BYTES = 256 * 1024
const SCAN_BYTES = 512 * 1024
const SCAN_ENTRIES = 256

export interface LevelOptions {
  readonly directory: string
  readonly runtime: Runtime
  /** Makes the database, and refuses one that is there; otherwise it has to be there. */
  readonly create: boolean
}

/**
 * Opens a LevelDB database as a table; it is locked until closed.
 *
 * A damaged one is never repaired: LevelDB's repair guesses.
 *
 * @throws LockedPartitionError where another process has it open, CorruptPartitionError where
 * LevelDB cannot read it.
 */
export const openLevel = async (options: LevelOptions): Promise<Table> => {
  const { Level } = await import('level')
  const database = new Level<Uint8Array, Uint8Array>(options.directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: options.create,
    errorIfExists: options.create,
  }) as Database
  try {
    await database.open()
  } catch (cause) {
    throw openingError(options.directory, cause)
  }
  return new LevelTable(database, options)
}

/**
 * Takes a lock that ends with the process at the latest, in a directory of its own.
 *
 * @returns what lets go of it
 * @throws LockedPartitionError where another process, or this one, has it
 */
export const lockLevel = async (directory: string): Promise<() => Promise<void>> => {
  const { Level } = await import('level')
  const database = new Level(directory)
  try {
    await database.open()
  } catch (cause) {
    throw openingError(directory, cause)
  }
  return () => database.close()
}

class LevelTable implements Table {
  readonly #database: Database
  readonly #directory: string
  readonly #runtime: Runtime

  constructor(database: Database, options: LevelOptions) {
    this.#database = database
    this.#directory = options.directory
    this.#runtime = options.runtime
  }

  async get(key: Uint8Array): Promise<Uint8Array | null> {
    try {
      return (await this.#database.get(key)) ?? null
    } catch (cause) {
      throw readingError(this.#directory, cause)
    }
  }

  /** Reads ahead by one step, while the caller works on the one before. */
  async *descend(range: KeyRange): AsyncGenerator<readonly TableEntry[]> {
    const iterator = this.#database.iterator({
      ...bounds(range),
      reverse: true,
      fillCache: false,
      highWaterMarkBytes: SCAN_BYTES,
    })
    const read = () => {
      const reading = iterator.nextv(SCAN_ENTRIES)
      // A failure is met where the step is awaited; a caller that has left does not meet it.
      reading.catch(() => undefined)
      return reading
    }
    try {
      let ahead = read()
      for (;;) {
        const entries = await ahead
        if (entries.length === 0) return
        ahead = read()
        yield entries.map(([key, value]) => ({ key, value }))
      }
    } catch (cause) {
      throw readingError(this.#directory, cause)
    } finally {
      await iterator.close()
    }
  }

  async *keys(range: KeyRange): AsyncGenerator<readonly Uint8Array[]> {
    const iterator = this.#database.keys({ ...bounds(range), fillCache: false })
    try {
      for (;;) {
        const keys = await iterator.nextv(SCAN_ENTRIES)
        if (keys.length === 0) return
        yield keys
      }
    } catch (cause) {
      throw readingError(this.#directory, cause)
    } finally {
      await iterator.close()
    }
  }

  async write(changes: readonly Change[], options: { readonly sync: boolean }): Promise<void> {
    // An open file can be written long after its name was taken away, for nobody to find again.
    if (options.sync) await access(join(this.#directory, 'CURRENT'))
    const batch = this.#database.batch()
    let slice = 0
    try {
      for (const { key, value } of changes) {
        if (value === null) batch.del(key)
        else batch.put(key, value)
        slice += key.length + (value?.length ?? 0)
        if (slice > SLICE_BYTES) {
          slice = 0
          await new Promise<void>((resolve) => this.#runtime.soon(resolve))
        }
      }
      await batch.write(options)
    } finally {
      await batch.close()
    }
  }

  async compact(range: KeyRange): Promise<void> {
    await this.#database.compactRange(range.from, range.below, { keyEncoding: 'view' })
  }

  async close(): Promise<void> {
    await this.#database.close()
  }
}

const bounds = ({
  from,
  below,
}: KeyRange): { readonly gte: Uint8Array; readonly lt: Uint8Array } => ({
  gte: from,
  lt: below,
})

const openingError = (directory: string, failure: unknown): TidemarkError => {
  const cause = failure instanceof Error && failure.cause instanceof Error ? failure.cause : failure
  if (code(cause) === 'LEVEL_LOCKED') {
    return new LockedPartitionError(
      `The recovery partition ${directory} is in use by another process, or by another run of this ` +
        'one. Stop that one first, or give this flow a recovery directory of its own.',
      { cause },
    )
  }
  const text = cause instanceof Error ? cause.message : String(cause)
  if (
    /permission denied|no space left|too many open files|read-only|input\/output error/i.test(text)
  ) {
    return new RecoveryError(
      `The recovery partition ${directory} cannot be opened: ${text}. Make the directory readable and ` +
        'writable for this process, on a sound disk with room, or use another one.',
      { cause },
    )
  }
  return damage(directory, text, cause)
}

/** A generator that is left early closes its iterator; only failures of the driver are damage. */
const readingError = (directory: string, cause: unknown): unknown =>
  cause instanceof Error &&
  code(cause).startsWith('LEVEL_') &&
  code(cause) !== 'LEVEL_ITERATOR_NOT_OPEN'
    ? damage(directory, cause.message, cause)
    : cause

const damage = (directory: string, text: string, cause: unknown): CorruptPartitionError =>
  new CorruptPartitionError(
    `The recovery partition ${directory} is damaged: ${text}. Restore the recovery directory from a ` +
      'backup; to begin anew without its state, remove the directory.',
    { cause },
  )

const code = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : ''
