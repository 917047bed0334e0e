import type { SchedulerAction, SchedulerLike } from 'rxjs'
import { Subscription } from '../lib/actor/observable.ts'
import type { Runtime, Timer } from '../lib/runtime/runtime.ts'

type Work<S> = (this: SchedulerAction<S>, state?: S) => void

/**
 * An RxJS scheduler on the engine's clock, so that operators with time (`debounceTime`, `delay`,
 * `bufferTime`) follow it: in a simulation virtual time, otherwise the system's.
 */
export class EngineScheduler implements SchedulerLike {
  readonly #runtime: Runtime
  readonly #crash: (error: unknown) => void

  constructor(runtime: Runtime, crash: (error: unknown) => void) {
    this.#runtime = runtime
    this.#crash = crash
  }

  now(): number {
    return this.#runtime.now()
  }

  schedule<S>(work: Work<S>, delay = 0, state?: S): Subscription {
    return new EngineAction(work, this.#runtime, this.#crash).schedule(state, delay)
  }
}

/** Work that is done once, and again if it asks for it while it is done. */
class EngineAction<S> extends Subscription implements SchedulerAction<S> {
  readonly #work: Work<S>
  readonly #runtime: Runtime
  readonly #crash: (error: unknown) => void
  #timer: Timer | null = null

  constructor(work: Work<S>, runtime: Runtime, crash: (error: unknown) => void) {
    super()
    this.#work = work
    this.#runtime = runtime
    this.#crash = crash
  }

  schedule(state?: S, delay = 0): Subscription {
    if (this.closed) return this
    this.#timer?.cancel()
    this.#timer = this.#runtime.after(delay, () => {
      this.#timer = null
      try {
        this.#work.call(this, state)
      } catch (error) {
        this.unsubscribe()
        this.#crash(error)
      }
    })
    return this
  }

  override unsubscribe(): void {
    this.#timer?.cancel()
    this.#timer = null
    super.unsubscribe()
  }
}
