/**
 * The rows of a keyed step: those of its keys, and one of the engine's own.
 *
 * A user's key may be any text, the engine's own included: keys that begin like it stand in the
 * store with one more NUL in front.
 */
import type { RowWriter } from '../state/state-table.ts'

/** The row that keeps the watermark of an exchanged step. */
export const WATERMARK_ROW = '\u0000watermark'

const NUL = '\u0000'

const rowOf = (key: string): string => (key.charCodeAt(0) === 0 ? NUL + key : key)

/** The key whose row this is; not asked of the engine's own. */
export const keyOfRow = (row: string): string =>
  row.charCodeAt(0) === 0 && row.charCodeAt(1) === 0 ? row.slice(1) : row

/** Writes the rows of keys. */
export class KeyRows implements RowWriter {
  readonly #rows: RowWriter

  constructor(rows: RowWriter) {
    this.#rows = rows
  }

  row(epoch: number, key: string, state: unknown): void {
    this.#rows.row(epoch, rowOf(key), state)
  }

  tombstone(epoch: number, key: string): void {
    this.#rows.tombstone(epoch, rowOf(key))
  }
}
