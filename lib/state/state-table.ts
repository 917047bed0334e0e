/** Takes the row of a key at the end of an epoch: its state, or that it is gone. */
export interface RowWriter {
  row(epoch: number, key: string, state: unknown): void
  tombstone(epoch: number, key: string): void
}

/**
 * The keys of one keyed step on one worker, and which of them owe the recorder a row: what the
 * engine sees of it, however the states are kept.
 *
 * T1. Every change of a key is announced by `touch` before it happens.
 * T2. Rows are written in the order of their epochs; a closed epoch's rows may be written while
 *     later epochs already change other keys.
 * T3. Without a writer nothing is owed and an announcement costs one comparison.
 */
export interface StateTable {
  readonly size: number
  /** The open epoch, as a stamp. A table nobody records stays at 0, where every key is clean. */
  readonly epoch: number
  /** The oldest epoch that still owes rows, or infinity. */
  readonly owes: number
  keys(): Iterable<string>
  /** The state as a snapshot would have it; undefined where the key has none. */
  peek(key: string): unknown
  /** Takes a key's state from a snapshot; it owes nothing. */
  load(key: string, state: unknown): void
  /** From `epoch` on, changes are owed to `writer`. */
  record(epoch: number, writer: RowWriter): void
  /** Closes the open epoch: what changed in it is owed under its number. */
  closeEpoch(next: number): void
  /** Writes up to `limit` owed rows, oldest epoch first (T2); true when none is left. */
  settle(limit: number): boolean
  /** Forgets a key, if it is there. */
  forget(key: string): void
  /** Notes that an item reached the key in a period; true if it is the first in that period. */
  see(key: string, period: number): boolean
  /** The period of the last item; 0 where the key is gone or none was noted. */
  seen(key: string): number
}
