import type { Runtime } from '../runtime/runtime.ts'
import type { Signal } from '../signal/signal.ts'
import {
  controlMessage,
  creditMessage,
  deliverFrame,
  encodeFrame,
  type Message,
  signalMessage,
} from './frame.ts'
import type { Control, LinkNow, Network, Receiver } from './network.ts'

/** Carries frames to one other worker and back, reliably and in order. */
export interface Wire {
  send(frame: Uint8Array): void
  /** Called once, before anything is sent. */
  onFrame(take: (frame: Uint8Array) => void): void
  /** Of a wire that can lose something on its way. */
  readonly facts?: Omit<LinkNow, 'to'>
}

/** A batch this large goes out by itself; smaller messages of a turn share a frame. */
const LARGE = 512

/** Links between workers that do not share memory, over one wire to each. */
export class FrameNetwork implements Network {
  readonly index: number
  readonly count: number
  readonly #wires: readonly (Wire | null)[]
  readonly #runtime: Runtime
  readonly #fail: (error: unknown) => void
  readonly #unsent: Message[][]
  #receiver: Receiver | null = null
  #early: (() => void)[] = []
  #flushing = false

  /**
   * @param wires - one for each worker; `null` in this worker's own place
   * @param ends.fail - told of what a link cannot promise any more
   */
  constructor(
    wires: readonly (Wire | null)[],
    ends: {
      readonly index: number
      readonly runtime: Runtime
      readonly fail: (error: unknown) => void
    },
  ) {
    this.index = ends.index
    this.count = wires.length
    this.#wires = wires
    this.#runtime = ends.runtime
    this.#fail = ends.fail
    this.#unsent = wires.map(() => [])
    wires.forEach((wire, from) => {
      wire?.onFrame((frame) => this.#take(from, frame))
    })
  }

  get links(): readonly LinkNow[] {
    return this.#wires.flatMap((wire, to) =>
      wire?.facts === undefined ? [] : [{ to, ...wire.facts }],
    )
  }

  attach(receiver: Receiver): void {
    this.#receiver = receiver
    const early = this.#early
    this.#early = []
    for (const take of early) take()
  }

  send(to: number, edge: number, signal: Signal): void {
    this.#post(to, signalMessage(edge, signal))
    if (signal.values.length >= LARGE) this.#flushTo(to)
  }

  grant(to: number, edge: number, items: number): void {
    this.#post(to, creditMessage(edge, items))
  }

  control(to: number, control: Control): void {
    this.#post(to, controlMessage(control))
  }

  #post(to: number, message: Message): void {
    ;(this.#unsent[to] as Message[]).push(message)
    if (this.#flushing) return
    this.#flushing = true
    this.#runtime.soon(() => {
      this.#flushing = false
      for (let peer = 0; peer < this.count; peer++) this.#flushTo(peer)
    })
  }

  #flushTo(to: number): void {
    const messages = this.#unsent[to] as Message[]
    if (messages.length === 0) return
    this.#unsent[to] = []
    try {
      this.#wires[to]?.send(encodeFrame(messages))
    } catch (error) {
      this.#fail(error)
    }
  }

  #take(from: number, frame: Uint8Array): void {
    const receiver = this.#receiver
    if (receiver === null) {
      this.#early.push(() => this.#take(from, frame))
      return
    }
    try {
      deliverFrame(frame, from, receiver)
    } catch (error) {
      this.#fail(error)
    }
  }
}
