import { Durations } from '../actor/durations.ts'
import type { Runtime } from '../runtime/runtime.ts'

/** Epochs that may be open or on their way to the store before sources have to wait. */
const MOST_UNFINISHED = 64

/**
 * The epochs of one worker: which is open, which are committed, and when the next is due.
 *
 * P1. Only the pacing worker ends epochs by itself; the others end theirs when they hear of a later
 *     one, and may ask for it.
 * P2. No more than a fixed number of epochs is unfinished: then nothing is read, and none begins.
 */
export class Pacer {
  readonly #runtime: Runtime
  /** Milliseconds; at 0 every turn that gave something asks for the next epoch. */
  readonly #interval: number
  readonly #paces: boolean
  #asked = false
  #began: number
  open = 1
  committed = 0
  /** How long the epochs that have ended were. */
  readonly durations: Durations = new Durations()

  constructor(pace: {
    readonly runtime: Runtime
    readonly interval: number
    readonly paces: boolean
  }) {
    this.#runtime = pace.runtime
    this.#interval = pace.interval
    this.#paces = pace.paces
    this.#began = pace.runtime.monotonic()
  }

  begin(epoch: number): void {
    // What precedes the first commit is the start, and no epoch.
    if (epoch > this.open && this.committed > 0) this.durations.add(this.age)
    this.open = epoch
    this.#began = this.#runtime.monotonic()
    this.#asked = false
  }

  /** How long the open epoch has been open: milliseconds. */
  get age(): number {
    return this.#runtime.monotonic() - this.#began
  }

  /** Someone wants the open epoch to end at the next turn. */
  ask(): void {
    this.#asked = true
  }

  get asksEachTurn(): boolean {
    return this.#interval === 0
  }

  /** Whether so much is unfinished that everything new must wait (P2). */
  get behind(): boolean {
    return this.open - this.committed > MOST_UNFINISHED
  }

  /** Milliseconds until this worker has to end the epoch; infinity where that is not its business. */
  get dueIn(): number {
    if (!this.#paces || this.behind) return Number.POSITIVE_INFINITY
    if (this.#asked) return 0
    if (this.#interval === 0) return Number.POSITIVE_INFINITY
    return this.#began + this.#interval - this.#runtime.monotonic()
  }
}
