import type { Outlet } from '../actor/actor.ts'
import { DATA, data, PART, type Signal } from '../signal/signal.ts'
import type { Network } from './network.ts'
import type { Router } from './router.ts'

/**
 * The sending end of an edge that crosses workers: sorts items into one batch for each owner.
 *
 * X1. Items for one owner keep their order; progress never overtakes items.
 * X2. Credit belongs to this edge and one owner. What has been sent and not yet taken stays within
 *     the window; only a single activation's output, or one batch alone, may go beyond it.
 */

/** Items under way to one worker on one edge. */
const WINDOW = 8192
/** A batch is sent when it has this many items, and whatever it has at the end of a turn. */
const FLUSH_ITEMS = 1024

interface Bound {
  keys: string[] | null
  values: unknown[]
  underWay: number
}

export class ExchangeOutlet implements Outlet {
  readonly edge: number
  readonly #network: Network
  readonly #router: Router
  readonly #local: Outlet
  readonly #onRoom: () => void
  readonly #bounds: Bound[]
  #epoch = 0
  #port = 0
  #unsent = false
  #exhausted = 0

  constructor(
    edge: number,
    ends: { network: Network; router: Router; local: Outlet; onRoom: () => void },
  ) {
    this.edge = edge
    this.#network = ends.network
    this.#router = ends.router
    this.#local = ends.local
    this.#onRoom = ends.onRoom
    this.#bounds = Array.from({ length: ends.network.count }, () => ({
      keys: null,
      values: [],
      underWay: 0,
    }))
  }

  get full(): boolean {
    return this.#exhausted > 0 || this.#local.full
  }

  /** Items that other workers have not taken yet. */
  get underWay(): number {
    let items = 0
    for (const bound of this.#bounds) items += bound.underWay
    return items
  }

  /** Items that may be sent to the worker that is furthest behind. */
  get credits(): number {
    let most = 0
    for (const { underWay } of this.#bounds) most = Math.max(most, underWay)
    return Math.max(0, WINDOW - most)
  }

  send(signal: Signal): void {
    if (signal.kind === PART) return
    if (signal.kind !== DATA) {
      this.flush()
      for (let to = 0; to < this.#bounds.length; to++) this.#post(to, signal)
      return
    }
    if (signal.epoch !== this.#epoch) {
      this.flush()
      this.#epoch = signal.epoch
    }
    this.#port = signal.port
    this.#router.scatter(signal, this)
  }

  /** Called by the router: the items at `from` to `until`, or one, are bound for a worker. */
  add(to: number, key: string | null, value: unknown): void {
    const bound = this.#bounds[to] as Bound
    if (key !== null) {
      if (bound.keys === null) bound.keys = []
      bound.keys.push(key)
    }
    bound.values.push(value)
    this.#unsent = true
    if (bound.values.length >= FLUSH_ITEMS) this.#flushTo(to)
  }

  /** Called by the router: all of a batch goes to one worker, as it is. */
  forward(to: number, signal: Signal): void {
    if ((this.#bounds[to] as Bound).values.length > 0) this.#flushTo(to)
    this.#post(to, data(signal.port, signal.epoch, signal.keys, signal.values))
  }

  flush(): void {
    if (!this.#unsent) return
    this.#unsent = false
    for (let to = 0; to < this.#bounds.length; to++) this.#flushTo(to)
  }

  /** Worker `from` has taken items of this edge. */
  credit(from: number, items: number): void {
    const bound = this.#bounds[from] as Bound
    const before = bound.underWay >= WINDOW
    bound.underWay -= items
    if (before && bound.underWay < WINDOW) {
      this.#exhausted -= 1
      if (this.#exhausted === 0) this.#onRoom()
    }
  }

  #flushTo(to: number): void {
    const bound = this.#bounds[to] as Bound
    if (bound.values.length === 0) return
    const batch = data(this.#port, this.#epoch, bound.keys, bound.values)
    bound.keys = null
    bound.values = []
    this.#post(to, batch)
  }

  #post(to: number, signal: Signal): void {
    if (to === this.#network.index) {
      this.#local.send(signal)
      return
    }
    if (signal.kind === DATA) {
      const bound = this.#bounds[to] as Bound
      const before = bound.underWay >= WINDOW
      bound.underWay += signal.values.length
      if (!before && bound.underWay >= WINDOW) this.#exhausted += 1
    }
    this.#network.send(to, this.edge, signal)
  }
}
