import type { Actor } from '../actor/actor.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Whereabouts } from './whereabouts.ts'

/** Signals an actor handles before the next actor has its go. */
const SIGNALS_A_GO = 16
/** Goes between two looks at the clock. */
const GOES_A_LOOK = 8

/**
 * Which actors of a worker have something to do.
 *
 * Q1. The actor furthest upstream goes first, so that what one turn read is through the flow before
 *     the next begins.
 */
export class RunQueue {
  readonly #actors: readonly Actor[]
  readonly #runtime: Runtime
  readonly #whereabouts: Whereabouts | null
  readonly #ready: Uint8Array
  /** No actor before this one is ready. */
  #lowest: number

  constructor(
    actors: readonly Actor[],
    around: { readonly runtime: Runtime; readonly whereabouts: Whereabouts | null },
  ) {
    this.#actors = actors
    this.#runtime = around.runtime
    this.#whereabouts = around.whereabouts
    this.#ready = new Uint8Array(actors.length)
    this.#lowest = actors.length
  }

  add(actor: Actor): void {
    this.#ready[actor.index] = 1
    if (actor.index < this.#lowest) this.#lowest = actor.index
  }

  /** Lets actors go until none can, or `over` says so; false when time is up first. */
  drain(until: number, over: () => boolean): boolean {
    const ready = this.#ready
    let goes = 0
    while (this.#lowest < this.#actors.length && !over()) {
      const at = this.#lowest
      if (ready[at] === 0) {
        this.#lowest += 1
        continue
      }
      ready[at] = 0
      const actor = this.#actors[at] as Actor
      this.#whereabouts?.enter(at)
      actor.run(SIGNALS_A_GO)
      if (actor.runnable) ready[at] = 1
      goes += 1
      if (goes % GOES_A_LOOK === 0 && this.#runtime.monotonic() >= until) return false
    }
    return true
  }
}
