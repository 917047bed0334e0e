import type { WindowMetadata } from './window-metadata.ts'

/** The id under which a value comes out late where no window can be named. */
export const LATE_SESSION_ID = -1

/** The windows of one key. All times are epoch milliseconds of event time. */
export interface WindowerLogic<S> {
  /**
   * The ids of the windows that the value at `time` belongs to, opened where they are not yet; none
   * whose end lies behind `watermark`.
   */
  openFor(time: number, watermark: number): number[]
  /** The ids under which a late value at `time` comes out; opens nothing. */
  lateFor(time: number): number[]
  /** The merges since the last call, in order: the first id's contents now belong to the second. */
  merged(): [from: number, into: number][]
  /** The windows that `watermark` ends, which are then no longer open. */
  closeFor(watermark: number): [id: number, metadata: WindowMetadata][]
  /** The earliest watermark at which `closeFor` will close something, or `null`. */
  notifyAt(): number | null
  /** Whether nothing is open. */
  isEmpty(): boolean
  snapshot(): S
  /** The first watermark at which `closeFor` closes an open window; needed for allowed lateness. */
  closesAt?(id: number): number
  /** The metadata of an open window as it is now; needed for allowed lateness. */
  metadataOf?(id: number): WindowMetadata
}

/**
 * Assigns values to windows by their time.
 *
 * @typeParam S - what a snapshot keeps of one key's open windows
 */
export abstract class Windower<S> {
  /** Make the windows of one key; `resume` is what `snapshot` gave, or `null` for a new key. */
  abstract build(resume: S | null): WindowerLogic<S>
}
