import { Behavior } from '../actor/behavior.ts'
import type { Signal } from '../signal/signal.ts'

/**
 * Hears from every recorder. Its frontier, the minimum over them, is what is committed: there is no
 * second notion of it.
 */
export class Committer extends Behavior {
  readonly #committed: (epoch: number) => void

  constructor(committed: (epoch: number) => void) {
    super()
    this.#committed = committed
  }

  override data(): void {}

  override frontier(signal: Signal): void {
    this.#committed(signal.epoch)
    this.send(signal)
  }
}
