import { ConnectorError } from '../errors/errors.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { StepHost } from './step-host.ts'

/** Waits between two tries while a destination is away: milliseconds, doubling up to the second. */
const SHORTEST_PAUSE = 50
const LONGEST_PAUSE = 5_000

/** A call that will not be made again: the run is over, or leaves the rest to the next one. */
export class GivenUp extends Error {}

/**
 * The way to an outside system that may be away for a while.
 *
 * A call that fails with a retryable ConnectorError is made again, later and later, until it
 * succeeds; any other failure is passed on.
 */
export class Destination {
  readonly #host: StepHost
  readonly #runtime: Runtime
  readonly #report: (level: 'info' | 'warn', message: string, error?: unknown) => void
  /** Whether what is not delivered now is kept for the next run. */
  readonly #kept: boolean
  readonly #sleepers = new Set<() => void>()
  /** Slots that wait for it; people hear of the first and of the last. */
  readonly #waiting = new Set<string>()
  #closed = false

  constructor(
    host: StepHost,
    ends: {
      readonly kept: boolean
      readonly report: (level: 'info' | 'warn', message: string, error?: unknown) => void
    },
  ) {
    this.#host = host
    this.#runtime = host.around.runtime
    this.#kept = ends.kept
    this.#report = ends.report
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Nothing is called without the lease.
   *
   * @throws GivenUp when the run is over, or was stopped and the next one goes on with it
   */
  async call<R>(callback: string, slot: string, body: () => R | Promise<R>): Promise<R> {
    let pause = SHORTEST_PAUSE
    for (;;) {
      if (this.#closed) throw new GivenUp()
      try {
        await this.#host.around.lease.leased()
        const result = await body()
        this.#isBack(slot)
        return result
      } catch (error) {
        if (!isAway(error)) throw this.#host.outside(callback, slot, error)
        this.#isAway(callback, slot, error)
      }
      if (this.#leaves) throw new GivenUp()
      await this.#sleep(pause)
      pause = Math.min(pause * 2, LONGEST_PAUSE)
    }
  }

  /** Nothing is begun any more; who waits for another try gives up. */
  close(): void {
    this.#closed = true
    for (const wake of this.#sleepers) wake()
  }

  get #leaves(): boolean {
    return this.#closed || (this.#kept && this.#host.around.stopping() === 'halt')
  }

  #sleep(pause: number): Promise<void> {
    return new Promise((resolve) => {
      let timer: Timer | null = null
      const wake = (): void => {
        timer?.cancel()
        this.#sleepers.delete(wake)
        resolve()
      }
      timer = this.#runtime.after(pause, wake)
      this.#sleepers.add(wake)
    })
  }

  #isAway(callback: string, slot: string, error: ConnectorError): void {
    const first = this.#waiting.size === 0
    this.#waiting.add(slot)
    if (!first) return
    this.#report(
      'warn',
      `Step "${this.#host.stepId}", slot ${slot}: the destination is away (${callback}); it is tried again until it is back`,
      error,
    )
  }

  #isBack(slot: string): void {
    if (!this.#waiting.delete(slot) || this.#waiting.size > 0) return
    this.#report('info', `Step "${this.#host.stepId}": the destination is back.`)
  }
}

const isAway = (error: unknown): error is ConnectorError =>
  error instanceof ConnectorError && error.retryable
