import type { RowWriter, StateTable } from './state-table.ts'

/** Places that are not worth being given back. */
const FEW = 1024

/** Where more than one slot in so many has changed, all are walked: in place, and without a list. */
const WALK_FROM = 4

/** What changed in one epoch and still owes a row. */
interface Owed {
  readonly epoch: number
  readonly gone: readonly string[]
  /** The slots that changed; `null` where the stamps of all below `end` tell which did. */
  readonly slots: readonly number[] | null
  readonly end: number
  next: number
}

/**
 * Keys whose states are plain values, each its own snapshot; T1 to T3 are those of every
 * {@link StateTable}.
 *
 * A key has a number, its slot, and the states stand in an array by slot: no object of the engine's
 * a key. What is needed only by some tables is an array of its own: the stamps and keys of one that
 * is recorded, the periods of one with a `ttl`. A slot is given to another key once its own is
 * gone; a stamp of 0 then tells an older list of owed slots that nothing is owed here any more.
 */
export class ValueTable<S> implements StateTable {
  readonly slots: Map<string, number> = new Map()
  readonly states: S[] = []
  /** By slot, the epoch of a change whose row is owed, or 0; empty unless recorded. */
  readonly stamps: number[] = []
  epoch = 0
  readonly #keys: string[] = []
  readonly #seen: number[] = []
  readonly #free: number[] = []
  readonly #gone = new Set<string>()
  readonly #owed: Owed[] = []
  /** The slots that changed in the open epoch; `null` once they are too many to be listed. */
  #dirty: number[] | null = []
  #writer: RowWriter | null = null

  get size(): number {
    return this.slots.size
  }

  get owes(): number {
    return this.#owed[0]?.epoch ?? Number.POSITIVE_INFINITY
  }

  keys(): Iterable<string> {
    return this.slots.keys()
  }

  peek(key: string): unknown {
    const slot = this.slots.get(key)
    return slot === undefined ? undefined : this.states[slot]
  }

  record(epoch: number, writer: RowWriter): void {
    this.epoch = epoch
    this.#writer = writer
    for (const [key, slot] of this.slots) {
      this.#keys[slot] = key
      this.stamps[slot] = 0
    }
  }

  load(key: string, state: unknown): void {
    this.#place(key, state as S)
  }

  /** Keeps the state of a key that has none; it counts as touched. */
  add(key: string, state: S): void {
    const slot = this.#place(key, state)
    if (this.epoch === 0) return
    if (this.#gone.size > 0) this.#gone.delete(key)
    this.#keys[slot] = key
    this.stamps[slot] = this.epoch
    this.#list(slot)
  }

  /** Announces a change of the state in `slot` in the open epoch (T1). */
  touch(slot: number): void {
    const { epoch, stamps } = this
    const stamp = stamps[slot]
    if (epoch === 0 || stamp === epoch) return
    if (stamp !== 0) this.#write(slot)
    stamps[slot] = epoch
    this.#list(slot)
  }

  /** Forgets `key`, whose state is in `slot`. */
  remove(key: string, slot: number): void {
    if (this.epoch !== 0) {
      this.touch(slot)
      this.stamps[slot] = 0
      this.#gone.add(key)
    }
    this.slots.delete(key)
    this.states[slot] = undefined as S
    if (this.#seen.length > slot) this.#seen[slot] = 0
    this.#free.push(slot)
    if (this.slots.size === 0 && this.states.length > FEW) this.#shrink()
  }

  forget(key: string): void {
    const slot = this.slots.get(key)
    if (slot !== undefined) this.remove(key, slot)
  }

  see(key: string, period: number): boolean {
    const slot = this.slots.get(key)
    if (slot === undefined || this.#seen[slot] === period) return false
    while (this.#seen.length < slot) this.#seen.push(0)
    this.#seen[slot] = period
    return true
  }

  seen(key: string): number {
    const slot = this.slots.get(key)
    return slot === undefined ? 0 : (this.#seen[slot] ?? 0)
  }

  closeEpoch(next: number): void {
    if (this.#writer === null) return
    const slots = this.#dirty
    if (slots === null || slots.length > 0) {
      const gone = this.#gone.size === 0 ? [] : [...this.#gone]
      const end = slots === null ? this.states.length : slots.length
      this.#owed.push({ epoch: this.epoch, gone, slots, end, next: 0 })
      this.#dirty = []
      this.#gone.clear()
    }
    this.epoch = next
  }

  settle(limit: number): boolean {
    let left = limit
    for (let owed = this.#owed[0]; owed !== undefined; owed = this.#owed[0]) {
      left = owed.slots === null ? this.#walk(owed, left) : this.#settleListed(owed, left)
      if (owed.next < owed.gone.length + owed.end) return false
      this.#owed.shift()
    }
    return true
  }

  #settleListed(owed: Owed, limit: number): number {
    const { epoch, gone, end, slots } = owed
    let left = this.#settleGone(owed, limit)
    for (; left > 0 && owed.next < gone.length + end; left--) {
      const slot = slots?.[owed.next++ - gone.length] as number
      // One touched again meanwhile has been written then.
      if (this.stamps[slot] === epoch) this.#write(slot)
    }
    return left
  }

  /** A step over a slot that owes nothing is no row, but does not come for nothing either. */
  #walk(owed: Owed, limit: number): number {
    const { epoch, gone, end } = owed
    let left = this.#settleGone(owed, limit)
    let steps = left * WALK_FROM
    for (; left > 0 && steps > 0 && owed.next < gone.length + end; steps--) {
      const slot = owed.next++ - gone.length
      if (this.stamps[slot] !== epoch) continue
      this.#write(slot)
      left--
    }
    return left
  }

  #settleGone(owed: Owed, limit: number): number {
    const { epoch, gone } = owed
    let left = limit
    for (; left > 0 && owed.next < gone.length; left--) {
      this.#writer?.tombstone(epoch, gone[owed.next++] as string)
    }
    return left
  }

  #list(slot: number): void {
    const dirty = this.#dirty
    if (dirty === null) return
    dirty.push(slot)
    if (dirty.length * WALK_FROM > this.states.length) this.#dirty = null
  }

  #place(key: string, state: S): number {
    const slot = this.#free.pop() ?? this.states.length
    this.states[slot] = state
    this.slots.set(key, slot)
    return slot
  }

  #write(slot: number): void {
    const stamp = this.stamps[slot] as number
    this.stamps[slot] = 0
    this.#writer?.row(stamp, this.#keys[slot] as string, this.states[slot])
  }

  /** Without keys there is nothing to keep a place for. */
  #shrink(): void {
    this.states.length = 0
    this.stamps.length = 0
    this.#keys.length = 0
    this.#seen.length = 0
    this.#free.length = 0
  }
}
