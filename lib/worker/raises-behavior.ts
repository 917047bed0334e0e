import { Behavior } from '../actor/behavior.ts'
import { end, frontier, type Signal, SNAPSHOT_PORT } from '../signal/signal.ts'
import { pairs } from './chain-behavior.ts'
import type { StepHost } from './step-host.ts'

/** The end of a stream on which nothing may come. */
export class RaisesBehavior extends Behavior {
  readonly #host: StepHost

  constructor(host: StepHost) {
    super()
    this.#host = host
  }

  override data(batch: Signal): void {
    for (const item of pairs(batch.keys, batch.values)) {
      this.#host.fail({
        callback: 'raises',
        item,
        error: new Error('the step got an item, and none may reach it'),
      })
    }
  }

  override part(): void {}

  override frontier(signal: Signal): void {
    this.send(frontier(signal.epoch, SNAPSHOT_PORT))
    this.send(signal)
  }

  override end(signal: Signal): void {
    this.send(end(signal.time, signal.halted, SNAPSHOT_PORT))
    this.send(signal)
  }
}
