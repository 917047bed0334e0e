import { Behavior } from '../actor/behavior.ts'
import { data, type Signal } from '../signal/signal.ts'
import { pairs } from './chain-behavior.ts'

/** Passes on what it gets: several streams as one, or the far end of a redistribution. */
export class MergeBehavior extends Behavior {
  /** Whether keyed batches must lose their keys: one of the merged streams has none. */
  readonly #unkey: boolean

  constructor(unkey: boolean) {
    super()
    this.#unkey = unkey
  }

  override data(batch: Signal): void {
    const { epoch, keys, values, part } = batch
    if (this.#unkey && keys !== null) this.send(data(0, epoch, null, pairs(keys, values), part))
    else this.send(data(0, epoch, keys, values, part))
  }
}
