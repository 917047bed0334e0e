import type { Runtime, Timer } from '../lib/runtime/runtime.ts'
import type { Register } from './messaging.ts'

const KEY = 'leader'
const RENEW = 1000
/** How long an entry lives that nobody renews; the bucket's own limit: milliseconds. */
export const LEASE_TTL: number = 3000

/**
 * Who of several leads: whoever has written the leader's key last and renews it.
 *
 * A lease is a belief: a process that was stopped may hold on to one that another has taken. What
 * makes that harmless is the number of the execution, not this. For the same reason the lease of one
 * that is known to be gone is taken without waiting for it to run out.
 */
export class Lease {
  readonly #register: () => Promise<Register>
  readonly #id: string
  readonly #gone: (id: string) => boolean
  readonly #runtime: Runtime
  #revision: number | null = null
  #renewed = Number.NEGATIVE_INFINITY
  #timer: Timer | null = null
  #ended = false

  /** @param register - gives the bucket, made anew where the server has lost it */
  constructor(
    register: () => Promise<Register>,
    own: {
      readonly id: string
      readonly runtime: Runtime
      /** Whether another holder is known to live no more. */
      readonly gone: (id: string) => boolean
    },
  ) {
    this.#register = register
    this.#id = own.id
    this.#gone = own.gone
    this.#runtime = own.runtime
  }

  /** Tries for the lease now and again, until `end`. */
  begin(): void {
    void this.#turn()
  }

  /** Somebody is gone: tries at once. */
  hurry(): void {
    if (this.#timer === null || this.held) return
    this.#timer.cancel()
    this.#timer = null
    void this.#turn()
  }

  get held(): boolean {
    const age = this.#runtime.monotonic() - this.#renewed
    return !this.#ended && this.#revision !== null && age < LEASE_TTL
  }

  /** Gives the lease up, so that another need not wait for it to run out. */
  async end(): Promise<void> {
    const held = this.held
    this.#ended = true
    this.#timer?.cancel()
    if (!held) return
    try {
      await (await this.#register()).delete(KEY)
    } catch {
      // It runs out by itself.
    }
  }

  async #turn(): Promise<void> {
    const began = this.#runtime.monotonic()
    this.#timer = null
    try {
      this.#revision = await this.#take(await this.#register())
      if (this.#revision !== null) this.#renewed = began
    } catch {
      // The server is away, or changes its own leader: what was known stays, and ages.
    }
    if (!this.#ended) this.#timer = this.#runtime.after(RENEW, () => void this.#turn())
  }

  async #take(register: Register): Promise<number | null> {
    if (this.#revision !== null) {
      const renewed = await register.update(KEY, this.#id, this.#revision)
      if (renewed !== null) return renewed
    }
    const entry = await register.get(KEY)
    // A write of our own whose answer was lost.
    if (entry?.value === this.#id) return entry.revision
    if (entry === null) return register.create(KEY, this.#id)
    return this.#gone(entry.value) ? register.update(KEY, this.#id, entry.revision) : null
  }
}
