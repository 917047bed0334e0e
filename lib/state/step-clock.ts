import type { ProcessorContext } from './processor.ts'

/**
 * How late it is at a keyed step: event time where watermarks are made upstream, wall time
 * otherwise; never moves back.
 *
 * Before the first watermark it is minus infinity: what happened then counts from `first`.
 */
export class StepClock {
  readonly followsStream: boolean
  readonly #context: ProcessorContext
  #now = Number.NEGATIVE_INFINITY
  #first = Number.NEGATIVE_INFINITY

  constructor(context: ProcessorContext) {
    this.#context = context
    this.followsStream = context.watermarked
  }

  /** The first time that was known. */
  get first(): number {
    return this.#first
  }

  now(): number {
    if (!this.followsStream) this.#moveTo(this.#context.runtime.now())
    return this.#now
  }

  /** The infinite watermark of an end of input makes nothing old: what is kept is found again. */
  onWatermark(time: number): void {
    if (this.followsStream && Number.isFinite(time)) this.#moveTo(time)
  }

  #moveTo(time: number): void {
    if (this.#first === Number.NEGATIVE_INFINITY) this.#first = time
    if (time > this.#now) this.#now = time
  }
}
