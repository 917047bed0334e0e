import type { Subscription } from '../../cluster/messaging.ts'
import type { Transport } from '../../cluster/transport.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'

/** How badly datagrams fare; probabilities from 0 to 1, times in milliseconds. */
export interface Weather {
  drop: number
  duplicate: number
  /** The longest a datagram is under way; unequal times reorder. */
  delay: number
}

const CALM: Weather = { drop: 0, duplicate: 0, delay: 0 }

/** A broker in memory, with the faults that chance and the spec bring about. */
export class MemoryBroker {
  readonly #runtime: Runtime
  readonly #takers = new Map<string, Set<(bytes: Uint8Array) => void>>()
  readonly #ends: MemoryEnd[] = []
  weather: Weather = CALM
  maxPayload = 1024 * 1024
  /** Bytes given to the broker to carry. */
  load = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  transport(): MemoryEnd {
    const end = new MemoryEnd(this)
    this.#ends.push(end)
    return end
  }

  /** Nobody reaches the broker until `mend`. */
  cut(): void {
    for (const end of this.#ends) end.cut()
  }

  mend(): void {
    for (const end of this.#ends) end.mend()
  }

  subscribe(subject: string, take: (bytes: Uint8Array) => void): Subscription {
    const takers = this.#takers.get(subject) ?? new Set()
    this.#takers.set(subject, takers)
    takers.add(take)
    return { end: () => takers.delete(take) }
  }

  /** Brings a datagram at once, past the weather. */
  inject(subject: string, bytes: Uint8Array): void {
    for (const take of this.#takers.get(subject) ?? []) take(bytes)
  }

  carry(subject: string, bytes: Uint8Array): void {
    const { drop, duplicate, delay } = this.weather
    const random = (): number => this.#runtime.random()
    this.load += bytes.length
    if (bytes.length > this.maxPayload || random() < drop) return
    const copies = random() < duplicate ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const wait = delay * random()
      this.#runtime.after(wait, () => {
        this.inject(subject, bytes)
      })
    }
  }
}

/** One process's way to the broker. */
export class MemoryEnd implements Transport {
  readonly #broker: MemoryBroker
  readonly #listeners = new Set<() => void>()
  #up = true

  constructor(broker: MemoryBroker) {
    this.#broker = broker
  }

  get alive(): boolean {
    return this.#up
  }

  get maxPayload(): number {
    return this.#broker.maxPayload
  }

  cut(): void {
    this.#up = false
  }

  mend(): void {
    this.#up = true
    for (const listen of this.#listeners) listen()
  }

  send(subject: string, bytes: Uint8Array): void {
    if (this.#up) this.#broker.carry(subject, bytes)
  }

  subscribe(subject: string, take: (bytes: Uint8Array) => void): Subscription {
    return this.#broker.subscribe(subject, (bytes) => {
      if (this.#up) take(bytes)
    })
  }

  onUp(listen: () => void): Subscription {
    this.#listeners.add(listen)
    return { end: () => this.#listeners.delete(listen) }
  }

  close(): void {
    this.#listeners.clear()
  }
}
