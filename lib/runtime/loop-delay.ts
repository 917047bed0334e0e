import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** How far behind its timers a thread was since it was last asked: seconds. */
export interface LoopDelay {
  readonly mean: number
  readonly p99: number
  readonly max: number
}

/** Milliseconds between two looks. */
const RESOLUTION = 20
const NANOS = 1e9

/** The event-loop delay of the thread it is made in; a look every 20 ms, which costs next to nothing. */
export class LoopWatch {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION })

  constructor() {
    this.#histogram.enable()
  }

  /** The delay since the last call; what is looked at begins anew. */
  read(): LoopDelay {
    const { mean, max } = this.#histogram
    const p99 = this.#histogram.percentile(99)
    const empty = this.#histogram.count === 0
    this.#histogram.reset()
    // The histogram holds the whole time between two looks, which the resolution is part of.
    const late = (nanos: number): number => Math.max(0, nanos / NANOS - RESOLUTION / 1000)
    return empty
      ? { mean: 0, p99: 0, max: 0 }
      : { mean: late(mean), p99: late(p99), max: late(max) }
  }

  stop(): void {
    this.#histogram.disable()
  }
}
