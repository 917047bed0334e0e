import type { SchedulerLike, Subscriber } from 'rxjs'
import { isObservable, Observable, Subscription } from '../lib/actor/observable.ts'

/** The user's pipeline, as `rx` is given it. */
export type Project = (items: Observable<unknown>, scheduler: SchedulerLike) => unknown

/**
 * One life of the user's pipeline: items go in a batch at a time, and what comes out is gathered.
 *
 * A single subscriber, the common case, is called with nothing in between.
 */
export class RxPassage {
  /** What has come out and was not taken yet. */
  results: unknown[] = []
  /** Whether nothing more will come out. */
  finished = false
  error: { readonly cause: unknown } | null = null
  /** Told of whatever happens while no batch is inside. */
  readonly #onChange: () => void
  readonly #subscribers: Subscriber<unknown>[] = []
  readonly #out = new Subscription()
  #inside = 0
  #completed = false

  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  open(project: Project, scheduler: SchedulerLike): void {
    this.#within(() => {
      const output = project(new Observable((subscriber) => this.#admit(subscriber)), scheduler)
      if (!isObservable(output)) {
        throw new TypeError(
          `the function must return an Observable; got ${output === null ? 'null' : typeof output}`,
        )
      }
      this.#out.add(
        output.subscribe({
          next: (result) => this.#take(result),
          error: (cause) => this.#fail(cause),
          complete: () => this.#finish(),
        }),
      )
    })
  }

  /** Puts a batch through. */
  feed(items: readonly unknown[]): void {
    this.#within(() => {
      const subscribers = this.#subscribers
      for (let at = 0; at < items.length; at++) {
        if (subscribers.length === 1) (subscribers[0] as Subscriber<unknown>).next(items[at])
        else for (const subscriber of subscribers.slice()) subscriber.next(items[at])
      }
    })
  }

  /** No further items will go in. */
  complete(): void {
    this.#completed = true
    this.#within(() => {
      for (const subscriber of this.#subscribers.splice(0)) subscriber.complete()
    })
  }

  close(): void {
    this.finished = true
    this.#out.unsubscribe()
    this.#subscribers.length = 0
    this.results = []
  }

  #admit(subscriber: Subscriber<unknown>): (() => void) | undefined {
    if (this.#completed) {
      subscriber.complete()
      return undefined
    }
    this.#subscribers.push(subscriber)
    return () => {
      const at = this.#subscribers.indexOf(subscriber)
      if (at >= 0) this.#subscribers.splice(at, 1)
    }
  }

  #within(body: () => void): void {
    this.#inside += 1
    try {
      body()
    } catch (cause) {
      this.error ??= { cause }
    } finally {
      this.#inside -= 1
    }
  }

  #take(result: unknown): void {
    this.results.push(result)
    if (this.#inside === 0) this.#onChange()
  }

  #fail(cause: unknown): void {
    this.error ??= { cause }
    this.#finish()
  }

  #finish(): void {
    this.finished = true
    if (this.#inside === 0) this.#onChange()
  }
}
