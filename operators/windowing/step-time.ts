import { systemRuntime } from '../../lib/runtime/system.ts'

/**
 * Where a clock reads wall time and the stream's watermark.
 *
 * The step that owns the windows sets both once a batch, so all keys of a batch see one instant and
 * no clock reads the system by itself.
 */
export interface StepTime {
  /** Wall-clock time in epoch milliseconds; never moves back. */
  readonly now: number
  /** The watermark of the stream in epoch milliseconds; `-Infinity` before the first. */
  readonly watermark: number
  /**
   * When the step began to run, after all that it resumed from had been loaded: wall time before it
   * makes nothing late. Without it, wall time always counts.
   */
  readonly startedAt?: number
}

/** The time of one step, moved by the step and never back. */
export class MovingTime implements StepTime {
  now: number = Number.NEGATIVE_INFINITY
  startedAt: number = Number.NEGATIVE_INFINITY
  watermark: number = Number.NEGATIVE_INFINITY

  /** What came before `now` was spent on loading. */
  startAt(now: number): void {
    this.moveTo(now)
    this.startedAt = this.now
  }

  moveTo(now: number): void {
    if (now > this.now) this.now = now
  }

  advanceTo(watermark: number): void {
    if (watermark > this.watermark) this.watermark = watermark
  }
}

/** For a clock that is built outside a step: the system's wall time, and no stream. */
export const systemTime: StepTime = {
  get now(): number {
    return systemRuntime.now()
  },
  watermark: Number.NEGATIVE_INFINITY,
}
