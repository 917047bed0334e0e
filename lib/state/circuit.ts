import type { Runtime, Timer } from '../runtime/runtime.ts'

/** When a circuit opens, and for how long; times are milliseconds. */
export interface CircuitLimits {
  /** Failures one after another that open it. */
  readonly failures: number
  /** The time within which they fall. */
  readonly within: number
  readonly coolDown: number
  /** How often it may open in a row before the run fails. */
  readonly openings: number
}

export type CircuitState = 'closed' | 'open' | 'half-open'

/**
 * Keeps calls away from something that fails again and again, and tries it anew after a while.
 *
 * B1. `failures` failures in a row within `within` open it: no call begins for `coolDown`.
 * B2. Then it is half open: one call at a time goes through; its success closes the circuit, its
 *     failure opens it again.
 * B3. What is still under way from before it opened counts for nothing while it is open.
 * B4. It opens at most `openings` times in a row; then the run fails.
 */
export class Circuit {
  state: CircuitState = 'closed'
  /** How often it has opened, in all. */
  opened = 0
  readonly limits: CircuitLimits
  readonly #runtime: Runtime
  readonly #told: (state: CircuitState) => void
  /** When the latest failures in a row happened, at most `failures` of them. */
  #failures: number[] = []
  #inARow = 0
  #trial = false
  #timer: Timer | null = null
  #waiting: (() => void)[] = []

  /** @param told - hears of every change of its state */
  constructor(
    limits: CircuitLimits,
    ends: { readonly runtime: Runtime; readonly told: (state: CircuitState) => void },
  ) {
    this.limits = limits
    this.#runtime = ends.runtime
    this.#told = ends.told
  }

  /** Whether a call may begin; one that may is to tell how it went. */
  enter(): boolean {
    if (this.state === 'closed') return true
    if (this.state === 'open' || this.#trial) return false
    this.#trial = true
    return true
  }

  /** Calls `task` once, when it may be worth asking again. */
  onChange(task: () => void): void {
    this.#waiting.push(task)
  }

  succeeded(): void {
    if (this.state === 'closed') {
      if (this.#failures.length > 0) this.#failures = []
      return
    }
    if (this.state === 'open') return
    this.#failures = []
    this.#inARow = 0
    this.#move('closed')
  }

  /** A call failed; `null`, or the error that ends the run (B4). */
  failed(error: unknown): Error | null {
    if (this.state === 'open') return null
    if (this.state === 'closed' && !this.#isTooMany()) return null
    if (this.#inARow === this.limits.openings) {
      return new Error(
        `the circuit opened ${this.limits.openings} times in a row and no try between succeeded; the last one: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      )
    }
    this.#inARow += 1
    this.opened += 1
    this.#timer = this.#runtime.after(this.limits.coolDown, () => this.#move('half-open'))
    this.#move('open')
    return null
  }

  /** No timer is left behind; who waits is not called any more. */
  close(): void {
    this.#timer?.cancel()
    this.#waiting = []
  }

  /** Notes a failure; whether enough of them came in a row, near enough to one another. */
  #isTooMany(): boolean {
    const { failures, within } = this.limits
    const now = this.#runtime.monotonic()
    if (this.#failures.length === failures) this.#failures.shift()
    this.#failures.push(now)
    return this.#failures.length === failures && now - (this.#failures[0] as number) <= within
  }

  #move(state: CircuitState): void {
    this.state = state
    this.#trial = false
    this.#told(state)
    if (state === 'open') return
    const waiting = this.#waiting
    this.#waiting = []
    for (const task of waiting) task()
  }
}
