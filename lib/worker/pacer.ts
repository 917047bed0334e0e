import { Durations } from '../actor/durations.ts'
import type { Runtime } from '../runtime/runtime.ts'

/** Epochs that may be open or on their way to the store before sources have to wait. */
const MOST_UNFINISHED = 64
/** Epochs of which it is known when they began: more than can be unfinished, a power of two. */
const REMEMBERED = 128

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
  /** Which epochs began lately, each at its number modulo the size, and when. */
  readonly #recent = new Float64Array(REMEMBERED)
  readonly #recentBegan = new Float64Array(REMEMBERED)
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
    const follows = epoch > this.open && this.committed > 0
    if (follows) this.durations.add(this.age)
    this.open = epoch
    this.#began = this.#runtime.monotonic()
    if (follows) this.#remember(epoch)
    this.#asked = false
  }

  /** How long the open epoch has been open: milliseconds. */
  get age(): number {
    return this.#runtime.monotonic() - this.#began
  }

  /** When an epoch began, by the monotonic clock, and the one before it ended; `null` for old ones. */
  beganAt(epoch: number): number | null {
    const at = epoch % REMEMBERED
    return this.#recent[at] === epoch ? (this.#recentBegan[at] as number) : null
  }

  /** Someone wants the open epoch to end at the next turn. */
  ask(): void {
    this.#asked = true
  }

  #remember(epoch: number): void {
    const at = epoch % REMEMBERED
    this.#recent[at] = epoch
    this.#recentBegan[at] = this.#began
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
