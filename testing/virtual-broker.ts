import type { Subscription } from '../cluster/messaging.ts'
import type { Transport } from '../cluster/transport.ts'
import type { Runtime } from '../lib/runtime/runtime.ts'
import type { VirtualRuntime } from './virtual-runtime.ts'

/** How badly datagrams fare. */
export interface Weather {
  /** The share that never comes, in [0, 1). */
  readonly loss: number
  /** The share that comes twice, in [0, 1]. */
  readonly duplicates: number
  /** The longest that one is under way: milliseconds. */
  readonly delay: number
  /** The share that does not wait for those sent before it, in [0, 1]. */
  readonly reorder: number
}

export const CALM: Weather = { loss: 0, duplicates: 0, delay: 0, reorder: 0 }

/** Which way of an end is cut off. */
export type Way = 'out' | 'in' | 'both'

export interface BrokerOptions {
  /** What decides how each datagram fares. @defaultValue that of the runtime */
  readonly random?: () => number
  /** Told of each datagram that was given to the broker. */
  readonly carried?: (bytes: Uint8Array) => void
}

/** A broker in memory, whose weather chance and the world around it make. */
export class VirtualBroker {
  readonly #runtime: VirtualRuntime
  readonly #random: () => number
  readonly #carried: (bytes: Uint8Array) => void
  readonly #takers = new Map<string, Set<Taker>>()
  readonly #ends: VirtualEnd[] = []
  /** When the last datagram of a path that keeps its order arrives; from when on a path is open. */
  readonly #arrivals = new Map<string, number>()
  readonly #clogged = new Map<string, number>()
  weather: Weather = CALM
  maxPayload: number = 1024 * 1024
  /** Bytes given to the broker to carry. */
  load = 0

  constructor(runtime: VirtualRuntime, options: BrokerOptions = {}) {
    this.#runtime = runtime
    this.#random = options.random ?? (() => runtime.random())
    this.#carried = options.carried ?? (() => {})
  }

  /** @param runtime - whose time the end lives on: what comes for one that is paused waits */
  transport(runtime: Runtime = this.#runtime): VirtualEnd {
    const end = new VirtualEnd(this, { runtime, index: this.#ends.length })
    this.#ends.push(end)
    return end
  }

  get ends(): readonly VirtualEnd[] {
    return this.#ends
  }

  /** Nobody is there any more; what is under way comes to nobody. */
  disband(): void {
    this.#ends.length = 0
    this.#takers.clear()
    this.#arrivals.clear()
    this.#clogged.clear()
  }

  /** Nobody reaches the broker until `mend`. */
  cut(): void {
    for (const end of this.#ends) end.cut()
  }

  mend(): void {
    for (const end of this.#ends) end.mend()
  }

  /** Holds back all that goes from one end to another; it arrives afterwards. */
  clog(from: number, to: number, millis: number): void {
    const path = `${from}>${to}`
    const until = this.#runtime.elapsed + millis
    this.#clogged.set(path, Math.max(this.#clogged.get(path) ?? 0, until))
  }

  subscribe(subject: string, taker: Taker): Subscription {
    const takers = this.#takers.get(subject) ?? new Set()
    this.#takers.set(subject, takers)
    takers.add(taker)
    return { end: () => takers.delete(taker) }
  }

  /** Brings a datagram at once, past the weather. */
  inject(subject: string, bytes: Uint8Array): void {
    for (const { take } of this.#takers.get(subject) ?? []) take(bytes)
  }

  carry(from: number, subject: string, bytes: Uint8Array): void {
    this.load += bytes.length
    this.#carried(bytes)
    if (bytes.length > this.maxPayload || this.#random() < this.weather.loss) return
    const copies = this.#random() < this.weather.duplicates ? 2 : 1
    for (const taker of this.#takers.get(subject) ?? []) {
      for (let copy = 0; copy < copies; copy++) this.#bring({ from, subject }, taker, bytes)
    }
  }

  #bring(
    { from, subject }: { readonly from: number; readonly subject: string },
    taker: Taker,
    bytes: Uint8Array,
  ): void {
    const { end, take } = taker
    const now = this.#runtime.elapsed
    const path = `${from}>${end.index}`
    const free = Math.max(now, this.#clogged.get(path) ?? 0)
    let at = free + this.weather.delay * this.#random()
    if (this.#random() >= this.weather.reorder) {
      at = Math.max(at, this.#arrivals.get(path) ?? 0)
      this.#arrivals.set(path, at)
    }
    end.runtime.after(at - now, () => {
      if (this.#takers.get(subject)?.has(taker) === true) take(bytes)
    })
  }
}

/** Who listens to a subject. */
interface Taker {
  readonly end: VirtualEnd
  readonly take: (bytes: Uint8Array) => void
}

/** One process's way to the broker. */
export class VirtualEnd implements Transport {
  readonly index: number
  readonly runtime: Runtime
  readonly #broker: VirtualBroker
  readonly #listeners = new Set<() => void>()
  readonly #cuts: Way[] = []

  constructor(broker: VirtualBroker, of: { readonly runtime: Runtime; readonly index: number }) {
    this.#broker = broker
    this.index = of.index
    this.runtime = of.runtime
  }

  /** A way that is cut in one direction brings no answer, either. */
  get alive(): boolean {
    return this.#cuts.length === 0
  }

  get maxPayload(): number {
    return this.#broker.maxPayload
  }

  cut(way: Way = 'both'): void {
    this.#cuts.push(way)
  }

  /** Takes one cut of this way back. */
  mend(way: Way = 'both'): void {
    const at = this.#cuts.indexOf(way)
    if (at < 0) return
    this.#cuts.splice(at, 1)
    if (this.#cuts.length === 0) for (const listen of this.#listeners) listen()
  }

  send(subject: string, bytes: Uint8Array): void {
    if (this.#passes('out')) this.#broker.carry(this.index, subject, bytes)
  }

  subscribe(subject: string, take: (bytes: Uint8Array) => void): Subscription {
    return this.#broker.subscribe(subject, {
      end: this,
      take: (bytes) => {
        if (this.#passes('in')) take(bytes)
      },
    })
  }

  onUp(listen: () => void): Subscription {
    this.#listeners.add(listen)
    return { end: () => this.#listeners.delete(listen) }
  }

  close(): void {
    this.#listeners.clear()
  }

  #passes(way: Way): boolean {
    return this.#cuts.every((cut) => cut !== way && cut !== 'both')
  }
}
