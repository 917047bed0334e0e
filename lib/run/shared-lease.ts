import { ClusterError } from '../errors/errors.ts'
import { processClock } from '../runtime/process-clock.ts'
import { systemRuntime } from '../runtime/system.ts'
import type { Lease } from '../worker/lease.ts'

/** How often a worker that waits for its lease looks again: milliseconds. */
const LOOK = 10
const NANOS = 1_000_000

/** A moment in memory that the threads of a process share: until when their workers may act. */
export class LeaseTerm {
  readonly memory: SharedArrayBuffer
  readonly #until: BigInt64Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.memory = memory
    this.#until = new BigInt64Array(memory)
  }

  /** It runs for so many milliseconds from now; fewer than none end it. */
  runFor(millis: number): void {
    Atomics.store(this.#until, 0, processClock() + BigInt(Math.round(millis * NANOS)))
  }

  get running(): boolean {
    return processClock() < Atomics.load(this.#until, 0)
  }
}

/** The lease of a worker in a thread, which the main thread renews. */
export class SharedLease implements Lease {
  readonly #term: LeaseTerm
  #ended = false

  constructor(term: LeaseTerm) {
    this.#term = term
  }

  get held(): boolean {
    return this.#term.running && !this.#ended
  }

  async leased(): Promise<void> {
    while (!this.#term.running) {
      if (this.#ended) break
      await new Promise<void>((resolve) => {
        systemRuntime.after(LOOK, resolve)
      })
    }
    this.check()
  }

  check(): void {
    if (this.held) return
    throw new ClusterError(
      'This worker stood still, or could not reach the others, for so long that they may have given it up: it writes nothing more.',
    )
  }

  end(): void {
    this.#ended = true
  }
}
