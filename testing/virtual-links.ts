import type { Control, Network, Receiver } from '../lib/exchange/network.ts'
import type { Runtime } from '../lib/runtime/runtime.ts'
import type { Signal } from '../lib/signal/signal.ts'
import type { Chance } from './chance.ts'

type Delivery = (receiver: Receiver) => void

/**
 * Links between virtual workers. Each message takes its own time, but none overtakes another
 * between the same two workers.
 *
 * @param runtimes - whose time each worker lives on; what comes for one that is paused waits
 * @param delay - the longest that a message is under way, in milliseconds
 */
export const virtualLinks = (
  runtimes: readonly Runtime[],
  chance: Chance,
  delay: number,
): readonly Network[] => {
  const receivers: (Receiver | null)[] = runtimes.map(() => null)
  return runtimes.map(
    (_, index) => new VirtualNetwork(index, { receivers, runtimes, chance, delay }),
  )
}

interface Wires {
  readonly receivers: (Receiver | null)[]
  readonly runtimes: readonly Runtime[]
  readonly chance: Chance
  readonly delay: number
}

class VirtualNetwork implements Network {
  readonly index: number
  readonly count: number
  readonly #wires: Wires
  readonly #queues: Delivery[][]

  constructor(index: number, wires: Wires) {
    this.index = index
    this.count = wires.runtimes.length
    this.#wires = wires
    this.#queues = wires.runtimes.map(() => [])
  }

  attach(receiver: Receiver): void {
    this.#wires.receivers[this.index] = receiver
  }

  send(to: number, edge: number, signal: Signal): void {
    this.#post(to, (receiver) => receiver.signal(this.index, edge, signal))
  }

  grant(to: number, edge: number, items: number): void {
    this.#post(to, (receiver) => receiver.credit(this.index, edge, items))
  }

  control(to: number, control: Control): void {
    this.#post(to, (receiver) => receiver.control(this.index, control))
  }

  #post(to: number, delivery: Delivery): void {
    const queue = this.#queues[to] as Delivery[]
    queue.push(delivery)
    if (queue.length === 1) this.#carry(to, queue)
  }

  /** One delivery a link is under way at a time, so nothing overtakes on it. */
  #carry(to: number, queue: Delivery[]): void {
    const { runtimes, receivers, chance, delay } = this.#wires
    const runtime = runtimes[to] as Runtime
    runtime.after(delay === 0 ? 0 : chance.number() * delay, () => {
      const receiver = receivers[to] ?? null
      // Some of what is under way arrives together, some later: both happen on real links.
      const most = 1 + chance.below(queue.length)
      const arrived = queue.slice(0, most)
      if (receiver !== null) for (const deliver of arrived) deliver(receiver)
      queue.splice(0, arrived.length)
      if (queue.length > 0) this.#carry(to, queue)
    })
  }
}
