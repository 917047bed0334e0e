import type { Entry } from './entry.ts'
import type { RowWriter, StateTable } from './state-table.ts'

/** How a table's entries become rows and come back from them. */
export interface EntryKind<E extends Entry> {
  /** A fresh entry for a key, or one that goes on from a snapshot. */
  make(key: string, resume: unknown): E
  /** The state to keep; called at most once for each epoch in which the key changed. */
  snapshot(entry: E): unknown
}

/** Entries that changed in one epoch and still owe a row. */
interface Owed<E> {
  readonly epoch: number
  readonly entries: E[]
  next: number
}

/**
 * Keys whose states are objects of their own, each with the engine's fields in it; T1 to T3 are
 * those of every {@link StateTable}.
 */
export class KeyTable<E extends Entry> implements StateTable {
  readonly kind: EntryKind<E>
  readonly entries: Map<string, E> = new Map()
  epoch = 0
  #writer: RowWriter | null = null
  #dirty: E[] = []
  readonly #owed: Owed<E>[] = []
  /** Entries removed in the open epoch, so that one made anew takes their tombstone back. */
  readonly #removed = new Map<string, E>()

  constructor(kind: EntryKind<E>) {
    this.kind = kind
  }

  record(epoch: number, writer: RowWriter): void {
    this.epoch = epoch
    this.#writer = writer
  }

  get size(): number {
    return this.entries.size
  }

  keys(): Iterable<string> {
    return this.entries.keys()
  }

  get(key: string): E | undefined {
    return this.entries.get(key)
  }

  peek(key: string): unknown {
    const entry = this.entries.get(key)
    return entry === undefined ? undefined : this.kind.snapshot(entry)
  }

  /** Makes and keeps the entry of a key that has none; it counts as touched. */
  add(key: string): E {
    const entry = this.kind.make(key, null)
    entry.$key = key
    this.entries.set(key, entry)
    if (this.epoch !== 0) this.#announceNew(entry)
    return entry
  }

  /** Announces a change of `entry` in the open epoch (T1). Callers test the stamp first. */
  touch(entry: E): void {
    const stamp = entry.$stamp
    if (stamp === this.epoch) return
    if (stamp !== 0) this.#write(entry)
    entry.$stamp = this.epoch
    this.#dirty.push(entry)
  }

  forget(key: string): void {
    const entry = this.entries.get(key)
    if (entry !== undefined) this.remove(entry)
  }

  see(key: string, period: number): boolean {
    const entry = this.entries.get(key)
    if (entry === undefined || entry.$seen === period) return false
    entry.$seen = period
    return true
  }

  seen(key: string): number {
    return this.entries.get(key)?.$seen ?? 0
  }

  /** Forgets the key of an entry. */
  remove(entry: E): void {
    this.entries.delete(entry.$key)
    if (this.epoch === 0) return
    this.touch(entry)
    entry.$stamp = -this.epoch
    this.#removed.set(entry.$key, entry)
  }

  load(key: string, state: unknown): E {
    const entry = this.kind.make(key, state)
    entry.$key = key
    this.entries.set(key, entry)
    return entry
  }

  closeEpoch(next: number): void {
    if (this.#writer === null) return
    if (this.#dirty.length > 0) {
      this.#owed.push({ epoch: this.epoch, entries: this.#dirty, next: 0 })
      this.#dirty = []
      this.#removed.clear()
    }
    this.epoch = next
  }

  get owes(): number {
    return this.#owed[0]?.epoch ?? Number.POSITIVE_INFINITY
  }

  settle(limit: number): boolean {
    let left = limit
    for (let owed = this.#owed[0]; owed !== undefined; owed = this.#owed[0]) {
      while (owed.next < owed.entries.length) {
        if (left-- === 0) return false
        const entry = owed.entries[owed.next++] as E
        const stamp = entry.$stamp
        // An entry touched again meanwhile has been written then; one taken back owes nothing.
        if (stamp === owed.epoch || stamp === -owed.epoch) this.#write(entry)
      }
      this.#owed.shift()
    }
    return true
  }

  #announceNew(entry: E): void {
    if (this.#removed.size > 0) {
      const removed = this.#removed.get(entry.$key)
      if (removed !== undefined) {
        removed.$stamp = 0
        this.#removed.delete(entry.$key)
      }
    }
    entry.$stamp = this.epoch
    this.#dirty.push(entry)
  }

  #write(entry: E): void {
    const stamp = entry.$stamp
    entry.$stamp = 0
    const writer = this.#writer as RowWriter
    if (stamp < 0) writer.tombstone(-stamp, entry.$key)
    else writer.row(stamp, entry.$key, this.kind.snapshot(entry))
  }
}
