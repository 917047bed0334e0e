import { type DurationCounts, Durations } from '../actor/durations.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Pacer } from './pacer.ts'

/**
 * How long what was read last in an epoch takes to the sinks of this worker: from the epoch's end at
 * its sources until a sink has everything of it, written.
 *
 * The frontier is the marker that is timed. It goes the way of the items, behind them, through every
 * mailbox and over every link, so that no item has to carry a time; and both ends are read from one
 * worker's clock, so that clocks need not agree.
 */
export class Latency {
  readonly #pacer: Pacer
  readonly #runtime: Runtime
  readonly #durations: Durations = new Durations()

  constructor(pacer: Pacer, runtime: Runtime) {
    this.#pacer = pacer
    this.#runtime = runtime
  }

  /** A sink has everything before `epoch`. */
  reached(epoch: number): void {
    const began = this.#pacer.beganAt(epoch)
    if (began !== null) this.#durations.add(this.#runtime.monotonic() - began)
  }

  get counted(): DurationCounts {
    return this.#durations.counted
  }
}
