import type { Actor, Host, Outlet } from '../actor/actor.ts'
import type { Channel } from '../actor/inbox.ts'
import { ExchangeOutlet } from '../exchange/exchange-outlet.ts'
import type { Network } from '../exchange/network.ts'
import type { Router } from '../exchange/router.ts'
import type { Signal } from '../signal/signal.ts'

/** Sees every signal that reaches a mailbox of a worker, by the channel it comes in; for simulations. */
export type Watch = (worker: number, actor: Actor, channel: Channel, signal: Signal) => void

/** An edge that stays within the worker. */
class LocalOutlet implements Outlet {
  readonly #channel: Channel
  readonly #actor: Actor
  readonly #host: Host

  constructor(actor: Actor, channel: Channel, host: Host) {
    this.#actor = actor
    this.#channel = channel
    this.#host = host
  }

  get full(): boolean {
    return this.#channel.full
  }

  send(signal: Signal): void {
    this.#actor.inbox.deliver(this.#channel, signal)
    this.#host.schedule(this.#actor)
  }
}

/** An edge that somebody watches. */
class WatchedOutlet implements Outlet {
  readonly #outlet: Outlet
  readonly #seen: (signal: Signal) => void

  constructor(outlet: Outlet, seen: (signal: Signal) => void) {
    this.#outlet = outlet
    this.#seen = seen
  }

  get full(): boolean {
    return this.#outlet.full
  }

  send(signal: Signal): void {
    this.#seen(signal)
    this.#outlet.send(signal)
  }
}

/** The ends of edges on one worker: where items leave it, and where they come in. */
export class Ports {
  readonly #host: Host
  readonly #network: Network
  readonly #grant: number
  readonly #watch: Watch | null
  readonly #exchanges = new Map<number, ExchangeOutlet>()
  readonly #inward = new Map<number, readonly Outlet[]>()

  constructor(ends: {
    readonly host: Host
    readonly network: Network
    readonly grant: number
    readonly watch: Watch | null
  }) {
    this.#host = ends.host
    this.#network = ends.network
    this.#grant = ends.grant
    this.#watch = ends.watch
  }

  /** An edge between two actors of this worker; `from` is told when there is room again. */
  local(to: Actor, input: number, from: Actor | null): Outlet {
    const channel = to.inbox.open(input)
    if (from !== null) channel.onRoom = () => this.#host.schedule(from)
    return this.#outlet(to, channel)
  }

  /**
   * An edge between all workers, with one channel for each sender.
   *
   * @param to - the receiving actor; `null` where this worker only sends
   */
  crossing(
    edge: number,
    ends: {
      readonly to: Actor
      readonly input: number
      readonly from: Actor | null
      readonly router: Router
    },
  ): Outlet {
    const { to, input, from } = ends
    const inward = Array.from({ length: this.#network.count }, (_, sender) =>
      sender === this.#network.index
        ? this.local(to, input, from)
        : this.#remote(edge, sender, to, input),
    )
    this.#inward.set(edge, inward)
    const outlet = new ExchangeOutlet(edge, {
      network: this.#network,
      router: ends.router,
      local: inward[this.#network.index] as Outlet,
      onRoom: () => {
        if (from !== null) this.#host.schedule(from)
      },
    })
    this.#exchanges.set(edge, outlet)
    return outlet
  }

  deliver(from: number, edge: number, signal: Signal): void {
    this.#inward.get(edge)?.[from]?.send(signal)
  }

  credit(from: number, edge: number, items: number): void {
    this.#exchanges.get(edge)?.credit(from, items)
  }

  /** Items that other workers have not taken yet, over all edges. */
  get underWay(): number {
    let items = 0
    for (const outlet of this.#exchanges.values()) items += outlet.underWay
    return items
  }

  /** Items that may be sent before the first of them has to wait; `null` where nothing crosses. */
  get credits(): number | null {
    let least: number | null = null
    for (const outlet of this.#exchanges.values()) {
      least = Math.min(least ?? Number.POSITIVE_INFINITY, outlet.credits)
    }
    return least
  }

  /** Sends what has been gathered for other workers. */
  flush(): void {
    for (const outlet of this.#exchanges.values()) outlet.flush()
  }

  #remote(edge: number, sender: number, to: Actor, input: number): Outlet {
    const channel = to.inbox.open(input)
    let taken = 0
    channel.onTaken = (items) => {
      taken += items
      if (taken < this.#grant) return
      this.#network.grant(sender, edge, taken)
      taken = 0
    }
    return this.#outlet(to, channel)
  }

  #outlet(to: Actor, channel: Channel): Outlet {
    const outlet = new LocalOutlet(to, channel, this.#host)
    const watch = this.#watch
    if (watch === null) return outlet
    return new WatchedOutlet(outlet, (signal) => watch(this.#network.index, to, channel, signal))
  }
}
