import type { Runtime } from '../lib/runtime/runtime.ts'

/** Waits between tries: each twice the one before, up to the longest, and a quarter more by chance. */
export class Backoff {
  readonly #longest: number
  readonly #runtime: Runtime
  #shortest: number
  #next: number

  /** Both ends in milliseconds. */
  constructor(
    runtime: Runtime,
    { shortest, longest }: { readonly shortest: number; readonly longest: number },
  ) {
    this.#runtime = runtime
    this.#longest = longest
    this.#shortest = shortest
    this.#next = shortest
  }

  /** Milliseconds until the next try. */
  next(): number {
    const wait = this.#next
    this.#next = Math.min(wait * 2, this.#longest)
    return wait * (1 + this.#runtime.random() / 4)
  }

  /** The next wait is the shortest again; the other side may have named another one. */
  reset(shortest: number = this.#shortest): void {
    this.#shortest = Math.min(shortest, this.#longest)
    this.#next = this.#shortest
  }
}

/** Resolves after so many milliseconds, or as soon as `signal` is aborted. */
export const pause = (runtime: Runtime, millis: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = runtime.after(millis, done)
    signal.addEventListener('abort', done)
  })
