import type { Runtime } from '../runtime/runtime.ts'
import type { Signal } from '../signal/signal.ts'
import type { Control, Group, Network, Receiver } from './network.ts'

type Delivery = (receiver: Receiver) => void

/**
 * Links between workers of one thread: what is sent is delivered in a later turn of the event loop,
 * in order for each pair. Under a virtual runtime that turn is the seed's to choose.
 */
export const memoryNetworks = (count: number, runtime: Runtime): readonly Network[] => {
  const receivers: (Receiver | null)[] = Array.from({ length: count }, () => null)
  return receivers.map((_, index) => new MemoryNetwork(index, receivers, runtime))
}

class MemoryNetwork implements Network {
  readonly index: number
  readonly count: number
  readonly #receivers: (Receiver | null)[]
  readonly #runtime: Runtime
  readonly #queues: Delivery[][]

  constructor(index: number, receivers: (Receiver | null)[], runtime: Runtime) {
    this.index = index
    this.count = receivers.length
    this.#receivers = receivers
    this.#runtime = runtime
    this.#queues = receivers.map(() => [])
  }

  attach(receiver: Receiver): void {
    this.#receivers[this.index] = receiver
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

  /** One delivery task a link is under way at a time, so nothing overtakes on it. */
  #post(to: number, delivery: Delivery): void {
    const queue = this.#queues[to] as Delivery[]
    queue.push(delivery)
    if (queue.length > 1) return
    this.#runtime.soon(() => {
      const receiver = this.#receivers[to] as Receiver | null
      const all = queue.splice(0)
      if (receiver !== null) for (const deliver of all) deliver(receiver)
    })
  }
}

/** Agreement among workers of one thread. */
export class MemoryGroup {
  readonly #count: number
  readonly #topics = new Map<
    string,
    { values: unknown[]; missing: number; done: () => void; all: Promise<void> }
  >()

  constructor(count: number) {
    this.#count = count
  }

  member(index: number): Group {
    return { gather: (topic, value) => this.#gather(index, topic, value) }
  }

  async #gather<T>(index: number, topic: string, value: T): Promise<readonly T[]> {
    const known = this.#topics.get(topic) ?? this.#open(topic)
    known.values[index] = value
    known.missing -= 1
    if (known.missing === 0) known.done()
    await known.all
    return known.values as T[]
  }

  #open(topic: string) {
    let done = () => {}
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    const opened = { values: [] as unknown[], missing: this.#count, done, all }
    this.#topics.set(topic, opened)
    return opened
  }
}
