import type { Timer } from '../runtime/runtime.ts'
import type { Failure } from '../state/processor.ts'
import type { Tries } from '../state/task.ts'
import type { StepHost } from './step-host.ts'

/** Items that are gone through one by one. */
export interface Attempts {
  readonly count: number
  /** Tries an item; what went wrong, or `null`. A failed try must leave nothing behind. */
  attempt(at: number): Failure | null
  /** There is nothing to do for a while: what has been gathered may go on. */
  pause(): void
}

/**
 * Goes through items in order and tries one that fails again, after waiting, before any other.
 *
 * Meanwhile the actor takes nothing, so order, epochs and watermarks stay as they are.
 */
export class Retries {
  readonly #host: StepHost
  readonly #tries: Tries
  #timer: Timer | null = null

  constructor(host: StepHost, tries: Tries) {
    this.#host = host
    this.#tries = tries
  }

  run(attempts: Attempts): void {
    for (let at = 0; at < attempts.count; at++) {
      const failure = attempts.attempt(at)
      if (failure === null) continue
      attempts.pause()
      this.#host.around.hold(this.#goOn(attempts, at, failure))
      return
    }
    attempts.pause()
  }

  close(): void {
    this.#timer?.cancel()
  }

  async #goOn(attempts: Attempts, from: number, failed: Failure): Promise<void> {
    let failure: Failure | null = failed
    for (let at = from; ; failure = attempts.attempt(at)) {
      for (let tried = 1; failure !== null; tried++) {
        if (tried >= this.#tries.attempts) throw this.#host.error(failure)
        attempts.pause()
        await this.#wait(this.#tries.backoff * 2 ** (tried - 1))
        failure = attempts.attempt(at)
      }
      at += 1
      if (at === attempts.count) break
    }
    attempts.pause()
  }

  #wait(millis: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timer = this.#host.around.runtime.after(millis, resolve)
    })
  }
}
