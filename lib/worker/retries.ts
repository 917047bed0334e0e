import type { Timer } from '../runtime/runtime.ts'
import type { Circuit } from '../state/circuit.ts'
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
 * Meanwhile the actor takes nothing, so order, epochs and watermarks stay as they are. While the
 * step's circuit is not closed, its cool-down stands in for the item's own waits.
 */
export class Retries {
  readonly #host: StepHost
  readonly #tries: Tries
  readonly #circuit: Circuit | null
  #timer: Timer | null = null

  constructor(host: StepHost, tries: Tries) {
    this.#host = host
    this.#tries = tries
    this.#circuit = host.circuit()
  }

  run(attempts: Attempts): void {
    for (let at = 0; at < attempts.count; at++) {
      const mayTry = this.#circuit?.enter() ?? true
      const failure = mayTry ? attempts.attempt(at) : null
      if (mayTry && failure === null) {
        this.#circuit?.succeeded()
        continue
      }
      attempts.pause()
      this.#host.around.hold(this.#goOn(attempts, at, failure))
      return
    }
    attempts.pause()
  }

  close(): void {
    this.#timer?.cancel()
    this.#circuit?.close()
  }

  /** Goes on from an item that has failed once, or has not been tried yet. */
  async #goOn(attempts: Attempts, from: number, failed: Failure | null): Promise<void> {
    let failure = failed
    for (let at = from; at < attempts.count; at++) {
      failure ??= await this.#attempt(attempts, at)
      for (let tried = 1; failure !== null; tried++) {
        this.#note(failure)
        if (tried >= this.#tries.attempts) {
          this.#host.fail(failure)
          failure = null
          break
        }
        attempts.pause()
        if (this.#circuit === null || this.#circuit.state === 'closed') {
          await this.#wait(this.#tries.backoff * 2 ** (tried - 1))
        }
        failure = await this.#attempt(attempts, at)
      }
    }
    attempts.pause()
  }

  async #attempt(attempts: Attempts, at: number): Promise<Failure | null> {
    const circuit = this.#circuit
    if (circuit === null) return attempts.attempt(at)
    while (!circuit.enter()) await new Promise<void>((resolve) => circuit.onChange(resolve))
    const failure = attempts.attempt(at)
    if (failure === null) circuit.succeeded()
    return failure
  }

  #note(failure: Failure): void {
    const over = this.#circuit?.failed(failure.error) ?? null
    if (over !== null) throw this.#host.error({ ...failure, error: over })
  }

  #wait(millis: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timer = this.#host.around.runtime.after(millis, resolve)
    })
  }
}
