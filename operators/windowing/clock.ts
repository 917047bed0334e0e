import type { StepTime } from './step-time.ts'

/** What a clock says of one value, both in epoch milliseconds. */
export interface Reading {
  readonly time: number
  /** The watermark after this value; the value is late if its time lies before it. */
  readonly watermark: number
}

/**
 * The time of one key.
 *
 * Watermarks must not move back; one that does is taken for the highest so far. A clock whose
 * `snapshot` is `null` keeps nothing of its key and is forgotten with the key's last window; any
 * other stays, so that an idle key still knows what is late.
 */
export interface ClockLogic<V, S> {
  onItem(value: V): Reading
  /** The watermark now, without a value. */
  onNotify(): number
  /** The watermark at the end of input; never part of the snapshot. */
  onEof(): number
  /** The wall time at which the clock itself asks to be notified, or `null`. */
  notifyAt(): number | null
  snapshot(): S
  /**
   * The wall time at which the watermark will have reached `time` if no value comes before;
   * `null` if it will not. Always later than now for a time that is not reached yet, so nobody
   * is woken in vain. Without this method only values and `notifyAt` close windows.
   */
  wakeFor?(time: number): number | null
  /** The clock is moved by the stream's watermark, so its step wakes the key when that arrives. */
  readonly followsStream?: boolean
}

/**
 * Tells the time of each value and how far time has come.
 *
 * @typeParam V - type of the values
 * @typeParam S - what a snapshot keeps of one key's clock
 */
export abstract class Clock<V, S> {
  /**
   * Make the clock of one key.
   *
   * @param resume - what `snapshot` gave, or `null` for a new key
   * @param time - where to read wall time and the stream's watermark
   */
  abstract build(resume: S | null, time?: StepTime): ClockLogic<V, S>
}
