import type { Runtime } from '../../lib/runtime/runtime.ts'

const SHORTEST = 50
const LONGEST = 5000

/** Waits between tries, later and later, that end at once when nobody waits for them any more. */
export class Pauses {
  readonly #runtime: Runtime
  readonly #sleepers = new Set<() => void>()
  #next = SHORTEST
  closed = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  reset(): void {
    this.#next = SHORTEST
  }

  /** How long to wait before the next try: milliseconds. */
  next(): number {
    const pause = this.#next
    this.#next = Math.min(pause * 2, LONGEST)
    return pause * (1 + this.#runtime.random() / 4)
  }

  /** Resolves after the next pause, or at `close`. */
  pass(): Promise<void> {
    if (this.closed) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(wake)
        timer.cancel()
        resolve()
      }
      const timer = this.#runtime.after(this.next(), wake)
      this.#sleepers.add(wake)
    })
  }

  close(): void {
    this.closed = true
    for (const wake of [...this.#sleepers]) wake()
  }
}
