import type { StateTable } from '../../lib/state/state-table.ts'

/** The windows of all keys of a step on one worker, however they are kept. */
export interface WindowKeeper<V> {
  readonly table: StateTable
  /** How many values of the batch were taken in; where one threw, its place. */
  readonly position: number
  /** The place of the last value whose time is known. */
  readonly timed: number
  /** The key whose windows were last at work, where that is known. */
  readonly key?: string
  onBatch(keys: readonly string[], values: readonly V[], now: number): void
  onWatermark(time: number): void
  onEof(now: number): void
  forget(key: string): void
  onLoaded?(now: number): void
  nextTimer?(): number
  onTimer?(now: number): void
}
