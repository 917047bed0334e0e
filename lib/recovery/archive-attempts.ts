import type { Runtime, Timer } from '../runtime/runtime.ts'

/** How long the archive may take for one object: milliseconds. */
const ANSWER_WITHIN = 30_000
const SHORTEST_PAUSE = 100
const LONGEST_PAUSE = 10_000

/** How long is waited for an archive, and between one attempt and the next. */
export class ArchiveAttempts {
  readonly #runtime: Runtime
  #pause = SHORTEST_PAUSE
  #rest: { readonly timer: Timer; readonly goOn: () => void } | null = null

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** What the archive answers; one that says nothing is away. */
  answer<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#runtime.after(ANSWER_WITHIN, () =>
        reject(new Error(`It has not answered for ${ANSWER_WITHIN / 1000} s.`)),
      )
      work.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  /** Resolves when the next attempt is due: twice as long after each that failed. */
  rest(): Promise<void> {
    return new Promise((resolve) => {
      const goOn = (): void => {
        this.#rest?.timer.cancel()
        this.#rest = null
        resolve()
      }
      this.#rest = { timer: this.#runtime.after(this.#pause, goOn), goOn }
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE)
    })
  }

  /** Has the next attempt come now. */
  hurry(): void {
    this.#rest?.goOn()
  }

  succeeded(): void {
    this.#pause = SHORTEST_PAUSE
  }
}
