import {
  DATA,
  END,
  end,
  FRONTIER,
  frontier,
  Signal,
  WATERMARK,
  watermark,
} from '../signal/signal.ts'
import { Lowest } from './lowest.ts'

/**
 * The mailbox of an actor: one channel for each edge and sender, and the order in which the actor
 * sees what came in.
 *
 * I1. Signals of one channel are seen in the order in which they were sent.
 * I2. The actor's frontier and watermark are the minimum over its channels, and never move back. A
 *     channel whose watermark is infinite is idle: it holds nobody back until it names a time again.
 * I3. Signals of an epoch beyond the actor's frontier wait, in their own channel, until it is open.
 * I4. Of what may be seen, what came first is seen first.
 * I5. A channel takes progress at any time, and batches as long as it has room; who sends more
 *     than one activation's worth against a full channel breaks the bound.
 * I6. Nothing but a move of the frontier costs a walk through all channels: there is one for each
 *     worker.
 */

/** A channel has room while it holds fewer items and fewer signals than this. */
const MOST_ITEMS = 4096
const MOST_SIGNALS = 64

/** Small batches that lie next to one another are joined up to this size. */
const JOINED = 1024
const SMALL = 256

/** The input by which snapshots are loaded. */
export const LOAD_INPUT = -1

export class Channel {
  /** Which input of the step it feeds. */
  readonly input: number
  /** Its place among the channels of its mailbox. */
  readonly index: number
  frontier = 0
  watermark: number = Number.NEGATIVE_INFINITY
  /** Whether it ended because the run was stopped: more would have come, so it still has a say. */
  halted = false
  items = 0
  /** Told when a full channel has room again. */
  onRoom: (() => void) | null = null
  /** Told how many items the actor has taken, where a sender elsewhere counts them. */
  onTaken: ((items: number) => void) | null = null
  /** Signals that were passed over because they had to wait (I3). */
  waiting = 0
  #queue: Signal[] = []
  #head = 0
  #wasFull = false

  constructor(input: number, index: number) {
    this.input = input
    this.index = index
  }

  get full(): boolean {
    return this.items >= MOST_ITEMS || this.#queue.length - this.#head >= MOST_SIGNALS
  }

  get signals(): number {
    return this.#queue.length - this.#head
  }

  get head(): Signal | undefined {
    return this.#queue[this.#head]
  }

  /** The oldest batch that waits. */
  get oldestBatch(): Signal | undefined {
    return this.#queue.find(({ kind }, at) => kind === DATA && at >= this.#head)
  }

  push(signal: Signal): void {
    if (signal.kind === DATA) this.items += signal.values.length
    this.#queue.push(signal)
    // Progress is always taken, but it may be what fills the channel.
    if (this.full) this.#wasFull = true
  }

  shift(): Signal {
    const signal = this.#queue[this.#head] as Signal
    this.#head += 1
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0
      this.#head = 0
    } else if (this.#head === 256) {
      this.#queue.splice(0, 256)
      this.#head = 0
    }
    if (signal.kind === DATA) {
      this.items -= signal.values.length
      this.onTaken?.(signal.values.length)
    }
    this.#makeRoom()
    return signal
  }

  #makeRoom(): void {
    if (this.#wasFull && !this.full) {
      this.#wasFull = false
      this.onRoom?.()
    }
  }
}

export class Inbox {
  /** Whether I3 holds here; rows on their way to a store say themselves which epoch they belong to. */
  aligned = true
  readonly channels: Channel[] = []
  /** The minimum over the channels (I2). */
  frontier = 0
  /** The epoch that is open; behind the end, the last that was, where it stays open for good. */
  epoch = 0
  watermark: number = Number.NEGATIVE_INFINITY
  /** The input by which the signal last taken came in. */
  input = 0
  /** In which order signals came in, by channel (I4); not kept while there is only one. */
  #order: Channel[] = []
  #orderHead = 0
  #waiting = 0
  /** No channel before this one can go on with what waits in it until the frontier moves. */
  #resumed = 0
  readonly #frontiers = new Lowest()
  /** Of the channels that have a say in what time it is (I2). */
  readonly #watermarks = new Lowest()
  /** Whether somebody is upstream; rows of snapshots say nothing of time. */
  #isAsked = false
  #lastEpoch = 0
  #halted = false
  /** Whether every channel was idle when they were last looked at, which has been passed on. */
  #idle = false
  #next: Signal | null = null

  open(input: number): Channel {
    const channel = new Channel(input, this.channels.length)
    this.channels.push(channel)
    this.#frontiers.set(channel.index, channel.frontier)
    if (input !== LOAD_INPUT) {
      this.#isAsked = true
      this.#watermarks.set(channel.index, channel.watermark)
    }
    return channel
  }

  deliver(channel: Channel, signal: Signal): void {
    channel.push(signal)
    if (this.channels.length > 1) this.#order.push(channel)
  }

  /** Whether there is something to take, and whether it is a batch. */
  get ready(): boolean {
    if (this.#next !== null) return true
    return this.#pick() !== null
  }

  get headIsData(): boolean {
    return this.#next === null && this.#pick()?.head?.kind === DATA
  }

  /** The next signal for the actor, or `null`; progress comes out as the minimum over channels. */
  take(): Signal | null {
    for (;;) {
      if (this.#next !== null) {
        const next = this.#next
        this.#next = null
        return next
      }
      const channel = this.#pick()
      if (channel === null) return null
      this.#took(channel)
      const signal = channel.shift()
      this.input = channel.input
      switch (signal.kind) {
        case DATA:
          return signal.values.length < SMALL ? this.#join(channel, signal) : signal
        case WATERMARK: {
          channel.watermark = signal.time
          this.#weigh(channel)
          const moved = this.#moveWatermark()
          if (moved !== null) return moved
          break
        }
        case FRONTIER: {
          const moved = this.#moveFrontier(channel, signal)
          if (moved !== null) return moved
          break
        }
        default:
          return signal
      }
    }
  }

  /** The channel whose head is next to be seen. */
  #pick(): Channel | null {
    if (this.channels.length === 1) {
      const only = this.channels[0] as Channel
      return only.head !== undefined && !this.#mustWait(only.head) ? only : null
    }
    if (this.#waiting > 0) {
      const { channels } = this
      for (; this.#resumed < channels.length; this.#resumed++) {
        const channel = channels[this.#resumed] as Channel
        if (channel.waiting > 0 && !this.#mustWait(channel.head as Signal)) return channel
      }
    }
    while (this.#orderHead < this.#order.length) {
      const channel = this.#order[this.#orderHead] as Channel
      if (channel.waiting === 0 && !this.#mustWait(channel.head as Signal)) return channel
      channel.waiting += 1
      this.#waiting += 1
      this.#advanceOrder()
    }
    return null
  }

  #took(channel: Channel): void {
    if (this.channels.length === 1) return
    if (channel.waiting > 0) {
      channel.waiting -= 1
      this.#waiting -= 1
    } else {
      this.#advanceOrder()
    }
  }

  #advanceOrder(): void {
    this.#orderHead += 1
    if (this.#orderHead === this.#order.length) {
      this.#order.length = 0
      this.#orderHead = 0
    } else if (this.#orderHead === 1024) {
      this.#order.splice(0, 1024)
      this.#orderHead = 0
    }
  }

  #mustWait(signal: Signal): boolean {
    return this.aligned && signal.kind !== FRONTIER && signal.epoch > this.frontier
  }

  /** Joins a small batch with those that follow it in its channel, as long as nothing lies between. */
  #join(channel: Channel, first: Signal): Signal {
    const follows = channel.head
    if (follows === undefined || !joins(first, follows)) return first
    const keys = first.keys === null ? null : first.keys.slice()
    const values = first.values.slice()
    while (values.length < JOINED) {
      const head = channel.head
      if (head === undefined || !joins(first, head) || !this.#isNext(channel)) break
      this.#took(channel)
      channel.shift()
      if (keys !== null && head.keys !== null) for (const key of head.keys) keys.push(key)
      for (const value of head.values) values.push(value)
    }
    return new Signal(DATA, first.port, first.epoch, first.time, false, first.part, keys, values)
  }

  #isNext(channel: Channel): boolean {
    return this.channels.length === 1 || this.#pick() === channel
  }

  /** Takes note of the time that a channel has come to. */
  #weigh(channel: Channel): void {
    if (channel.input === LOAD_INPUT) return
    const isGone = channel.frontier === END && !channel.halted
    this.#watermarks.set(channel.index, isGone ? Number.POSITIVE_INFINITY : channel.watermark)
  }

  #moveWatermark(): Signal | null {
    // A source, which only loads, has nobody upstream; its silence is not idleness.
    if (!this.#isAsked) return null
    const lowest = this.#watermarks.value
    const wasIdle = this.#idle
    this.#idle = lowest === Number.POSITIVE_INFINITY
    // All idle: time does not move, but who comes next must not wait for this actor.
    if (this.#idle) return wasIdle ? null : watermark(this.frontier, lowest)
    if (lowest > this.watermark) this.watermark = lowest
    else if (!wasIdle || this.watermark === Number.NEGATIVE_INFINITY) return null
    return watermark(this.frontier, this.watermark)
  }

  #moveFrontier(channel: Channel, signal: Signal): Signal | null {
    channel.frontier = signal.epoch
    if (signal.epoch === END) {
      channel.halted = signal.halted
      this.#lastEpoch = Math.max(this.#lastEpoch, signal.time)
      this.#halted ||= signal.halted
    }
    this.#frontiers.set(channel.index, signal.epoch)
    if (signal.epoch === END) this.#weigh(channel)
    const lowest = this.#frontiers.value
    if (lowest === this.frontier) return signal.epoch === END ? this.#moveWatermark() : null
    this.frontier = lowest
    this.#resumed = 0
    if (lowest === END) return end(this.#lastEpoch, this.#halted)
    this.epoch = lowest
    // With a channel gone, the slowest of the others may be further on.
    if (signal.epoch === END) this.#next = this.#moveWatermark()
    return frontier(lowest)
  }
}

const joins = (first: Signal, next: Signal): boolean =>
  next.kind === DATA &&
  next.epoch === first.epoch &&
  next.part === first.part &&
  next.port === first.port &&
  next.time === first.time &&
  (next.keys === null) === (first.keys === null) &&
  next.values.length < SMALL
