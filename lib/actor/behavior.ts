import type { OperatorFunction, Subscriber } from 'rxjs'
import { DATA, END, FRONTIER, type Signal, WATERMARK } from '../signal/signal.ts'
import { Observable } from './observable.ts'

/**
 * What an actor does with the signals of its mailbox, one at a time and each to its end. Progress
 * passes through unless a behavior has a reason to hold it back.
 */
export abstract class Behavior {
  #out: Subscriber<Signal> | null = null

  /** Items of the open epoch. */
  abstract data(batch: Signal): void

  watermark(signal: Signal): void {
    this.send(signal)
  }

  part(signal: Signal): void {
    this.send(signal)
  }

  /** A new epoch is open; everything older has been seen. */
  frontier(signal: Signal): void {
    this.send(signal)
  }

  /** Nothing follows. */
  end(signal: Signal): void {
    this.send(signal)
  }

  /**
   * Everything before `epoch` is durable. What is begun because of it is through when the promise
   * resolves: until then the worker does not end.
   */
  committed(_epoch: number): Promise<void> | null {
    return null
  }

  /** The flow was told to stop; what is under way may wait for something outside. */
  stopping(): void {}

  /** Lets go of everything held outside; called once. `failed` when the run did not end well. */
  close(_failed: Error | null): void | Promise<void> {}

  /** Whether further batches must wait. */
  get full(): boolean {
    return false
  }

  /** Wall-clock time at which `onTime` is to be called, or infinity. */
  nextTime(): number {
    return Number.POSITIVE_INFINITY
  }

  onTime(_now: number): void {}

  /** Puts a signal on the outputs of the step. */
  dispatch(signal: Signal): void {
    this.#out?.next(signal)
  }

  protected send(signal: Signal): void {
    this.#out?.next(signal)
  }

  /** The behavior as an RxJS pipeline over signals. */
  pipeline(): OperatorFunction<Signal, Signal> {
    return (signals) =>
      new Observable<Signal>((out) => {
        this.#out = out
        return signals.subscribe({
          next: (signal) => {
            try {
              this.#see(signal)
            } catch (error) {
              out.error(error)
            }
          },
          error: (error) => out.error(error),
          complete: () => out.complete(),
        })
      })
  }

  #see(signal: Signal): void {
    switch (signal.kind) {
      case DATA:
        return this.data(signal)
      case WATERMARK:
        return this.watermark(signal)
      case FRONTIER:
        return signal.epoch === END ? this.end(signal) : this.frontier(signal)
      default:
        return this.part(signal)
    }
  }
}
