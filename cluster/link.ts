import { ClusterError } from '../lib/errors/errors.ts'
import type { Wire } from '../lib/exchange/frame-network.ts'
import type { LinkNow } from '../lib/exchange/network.ts'
import type { Runtime, Timer } from '../lib/runtime/runtime.ts'
import { Incoming } from './incoming.ts'
import {
  ACK,
  BEAT,
  beatTimes,
  DATA,
  GAP,
  gapEnd,
  HEADER,
  type LinkFrame,
  type LinkIdentity,
  makeFrame,
  readFrame,
} from './link-frame.ts'
import type { Subscription } from './messaging.ts'
import { Outgoing } from './outgoing.ts'
import type { Transport } from './transport.ts'

/** Bytes of a datagram; brokers carry this size best. */
const DATAGRAM = 32 * 1024
const WINDOW = 1024 * 1024
/** Milliseconds for which an acknowledgement may wait for something to travel with. */
const ACK_DELAY = 4
const HEARTBEAT = 250
/** So much of the other end's silence one beat may count: where this end comes late to it, so may that. */
const MOST_A_BEAT = 300
const FIRST_RESEND = 250
const LAST_RESEND = 2000
/**
 * What the other end may take to find its way back to the broker once this one has: milliseconds. One
 * try to connect may last 5 s, while the broker starts.
 */
const RETURN = 6000

export interface LinkOptions {
  readonly transport: Transport
  readonly runtime: Runtime
  readonly identity: LinkIdentity
  /** The subject of what this end sends, and of what the other does. */
  readonly subjects: { readonly out: string; readonly in: string }
  /** Most bytes under way at once. @defaultValue 1 MiB */
  readonly window?: number
  /**
   * Milliseconds without a new heartbeat after which the other end is lost, more after an outage of the
   * broker; `Infinity` for a link that needs none.
   */
  readonly silence: number
  /** Told when the other end is known to have heard a newer heartbeat of this one. */
  readonly echoed?: () => void
  /** Told once; nothing is sent or taken afterwards. */
  readonly lost: (error: ClusterError) => void
}

/** What has come in that was not taken, and what was sent again. */
export interface LinkCounts {
  malformed: number
  foreign: number
  known: number
  dropped: number
  resent: number
}

/**
 * One end of a reliable, ordered link over datagrams.
 *
 * L1. What `send` is given comes out at the other end once, whole and in order, as long as both live.
 * L2. No more than the window is under way; the rest waits here.
 * L3. What is not a frame of this very link changes nothing but a count.
 * L4. The other end's silence counts only while the own way to the server works, and only as long as
 *     this end was awake to hear it. A datagram of before, brought again, breaks no silence, nor does
 *     what comes from one that hears nothing itself. After an outage the other end is given the time
 *     to come back, too.
 */
export class Link implements Wire {
  readonly counts: LinkCounts = { malformed: 0, foreign: 0, known: 0, dropped: 0, resent: 0 }
  readonly #options: LinkOptions
  readonly #window: number
  readonly #outgoing = new Outgoing()
  readonly #subscriptions: Subscription[] = []
  #incoming: Incoming | null = null
  /** Sent so far; moves back to send again. */
  #sent = 0
  /** The furthest that was ever sent. */
  #furthest = 0
  /** How much may be under way now: less than the window after a loss. */
  #allowed: number
  /** Gaps before this have been sent again already. */
  #repaired = 0
  #acknowledged = 0
  #resendWait = FIRST_RESEND
  #resendTimer: Timer | null = null
  #ackTimer: Timer | null = null
  #beatTimer: Timer | null = null
  #spoke = false
  #heard = false
  #silent = 0
  #beatAt = 0
  #wasAlive = false
  /** The own way was interrupted, and nothing has been heard since. */
  #returning = false
  /** The newest heartbeat of the other end, in its time, and the newest of this one that it heard. */
  #theirs = 0
  #echo = 0
  /** Whether anything has come from the other end. */
  #met = false
  #closed = false

  constructor(options: LinkOptions) {
    this.#options = options
    this.#window = options.window ?? WINDOW
    this.#allowed = this.#window
  }

  onFrame(take: (frame: Uint8Array) => void): void {
    const { transport, subjects, runtime } = this.#options
    this.#incoming = new Incoming(4 * this.#window, (message) => {
      if (!this.#closed) take(message)
    })
    this.#subscriptions.push(
      transport.subscribe(subjects.in, (bytes) => this.#take(bytes)),
      transport.onUp(() => this.#onUp()),
    )
    this.#beatAt = runtime.monotonic()
    this.#postBeat()
    this.#beatTimer = runtime.after(HEARTBEAT, () => this.#beat())
  }

  send(frame: Uint8Array): void {
    if (this.#closed) return
    this.#outgoing.push(frame)
    this.#pump()
  }

  get facts(): Omit<LinkNow, 'to'> {
    const { pending, counts } = this
    const acknowledged = this.#outgoing.acked
    return { pending, resent: counts.resent, sent: this.#furthest, acknowledged }
  }

  /** Bytes that the other end has not acknowledged. */
  get pending(): number {
    return this.#outgoing.end - this.#outgoing.acked
  }

  /** The other end has heard what this one sent at this time of its runtime; 0 for nothing yet. */
  get echo(): number {
    return this.#echo
  }

  get closed(): boolean {
    return this.#closed
  }

  close(): void {
    if (this.#closed) return
    // The other end may wait for this before it closes, too.
    if ((this.#incoming?.arrived ?? 0) > this.#acknowledged) this.#post(this.#frame(ACK))
    this.#closed = true
    for (const each of this.#subscriptions) each.end()
    this.#resendTimer?.cancel()
    this.#ackTimer?.cancel()
    this.#beatTimer?.cancel()
  }

  /** Sends what the window lets through (L2). */
  #pump(): void {
    const { transport } = this.#options
    const end = this.#outgoing.end
    const until = Math.min(end, this.#outgoing.acked + Math.min(this.#window, this.#allowed))
    const most = Math.min(DATAGRAM, transport.maxPayload - HEADER)
    while (this.#sent < until && !this.#closed) {
      const length = Math.min(most, until - this.#sent)
      this.#transmit(this.#sent, length)
      this.#sent += length
    }
    if (this.#sent > this.#furthest) this.#furthest = this.#sent
    this.#watchForAck()
  }

  #transmit(at: number, length: number): void {
    const frame = this.#frame(DATA, { at, length })
    this.#outgoing.copy(at, frame, HEADER)
    if (at < this.#furthest) this.counts.resent += 1
    this.#post(frame)
  }

  #frame(kind: number, { at = 0, length = 0 } = {}): Uint8Array {
    const ack = this.#incoming?.arrived ?? 0
    this.#acknowledged = ack
    this.#ackTimer?.cancel()
    this.#ackTimer = null
    return makeFrame(this.#options.identity, { kind, at, ack }, length)
  }

  #post(frame: Uint8Array): void {
    this.#spoke = true
    this.#options.transport.send(this.#options.subjects.out, frame)
  }

  #watchForAck(): void {
    if (this.#resendTimer !== null || this.#closed || this.pending === 0) return
    this.#resendTimer = this.#options.runtime.after(this.#resendWait, () => {
      this.#resendTimer = null
      this.#resend()
    })
  }

  /** Nothing was acknowledged for too long: one datagram asks where the other end stands. */
  #resend(): void {
    if (this.pending === 0) return
    this.#resendWait = Math.min(LAST_RESEND, 2 * this.#resendWait)
    this.#allowed = DATAGRAM
    this.#sent = this.#outgoing.acked
    this.#repaired = 0
    this.#pump()
  }

  /** The other end listens from now on: what was sent again and again before went to nobody. */
  #onMet(): void {
    this.#met = true
    if (this.pending > 0 && this.#resendWait > FIRST_RESEND) this.#sendAnew()
  }

  /** The way is open again: what was under way is taken for lost, and the silence for explained. */
  #onUp(): void {
    if (this.#closed) return
    this.#silent = 0
    this.#returning = true
    this.#sendAnew()
    this.#postBeat()
  }

  #sendAnew(): void {
    this.#resendWait = FIRST_RESEND
    this.#allowed = this.#window
    this.#sent = this.#outgoing.acked
    this.#repaired = 0
    this.#resendTimer?.cancel()
    this.#resendTimer = null
    this.#pump()
  }

  #take(bytes: Uint8Array): void {
    const incoming = this.#incoming
    if (this.#closed || incoming === null) return
    const frame = readFrame(bytes, this.#options.identity)
    if (typeof frame === 'string') {
      this.counts[frame] += 1
      return
    }
    // Nobody can have more than was ever sent (L3).
    if (frame.ack > this.#furthest) {
      this.counts.malformed += 1
      return
    }
    this.#onAck(frame.ack)
    if (!this.#met) this.#onMet()
    if (frame.kind === BEAT) this.#onBeat(frame)
    if (frame.kind === GAP) this.#repair(frame)
    if (frame.kind === DATA) this.#onData(frame, incoming)
  }

  #onBeat(frame: LinkFrame): void {
    const { own, heard } = beatTimes(frame)
    if (own <= this.#theirs || heard > this.#options.runtime.monotonic()) return
    const first = this.#theirs === 0
    this.#theirs = own
    // Whoever came later to the link waits for an answer to begin.
    if (first) this.#postBeat()
    if (heard <= this.#echo) return
    this.#echo = heard
    this.#heard = true
    this.#options.echoed?.()
  }

  /** Links that may lose the other end say all the time that this one lives. */
  #postBeat(): void {
    const { runtime, silence } = this.#options
    if (silence === Number.POSITIVE_INFINITY) {
      if (!this.#spoke) this.#post(this.#frame(ACK))
      return
    }
    const frame = this.#frame(BEAT, { length: 16 })
    const view = new DataView(frame.buffer)
    view.setFloat64(HEADER, runtime.monotonic())
    view.setFloat64(HEADER + 8, this.#theirs)
    this.#post(frame)
  }

  #onAck(ack: number): void {
    if (ack <= this.#outgoing.acked) return
    const progress = ack - this.#outgoing.acked
    this.#outgoing.ack(ack)
    if (this.#sent < ack) this.#sent = ack
    this.#allowed = Math.min(this.#window, this.#allowed + Math.max(progress, this.#allowed))
    this.#resendWait = FIRST_RESEND
    this.#resendTimer?.cancel()
    this.#resendTimer = null
    this.#pump()
  }

  /** Sends what the other end misses, once; what gets lost again the timer finds. */
  #repair(frame: LinkFrame): void {
    const until = Math.min(gapEnd(frame), this.#sent)
    const most = Math.min(DATAGRAM, this.#options.transport.maxPayload - HEADER)
    let at = Math.max(frame.ack, this.#repaired, this.#outgoing.acked)
    while (at < until) {
      const length = Math.min(most, until - at)
      this.#transmit(at, length)
      at += length
    }
    this.#repaired = Math.max(this.#repaired, at)
  }

  #onData({ at, piece }: LinkFrame, incoming: Incoming): void {
    const found = incoming.accept(at, piece)
    if (this.#closed) return
    if (found === 'known') this.counts.known += 1
    else if (found === 'dropped') this.counts.dropped += 1
    if (found !== 'next') this.#tellGap(incoming)
    else if (incoming.arrived - this.#acknowledged >= this.#window / 8) this.#post(this.#frame(ACK))
    else if (incoming.arrived > this.#acknowledged) this.#ackSoon()
  }

  #tellGap(incoming: Incoming): void {
    const { gapEnd: until } = incoming
    if (until === null) {
      this.#ackSoon()
      return
    }
    const frame = this.#frame(GAP, { length: 8 })
    new DataView(frame.buffer).setFloat64(HEADER, until)
    this.#post(frame)
  }

  #ackSoon(): void {
    if (this.#ackTimer !== null) return
    this.#ackTimer = this.#options.runtime.after(ACK_DELAY, () => {
      this.#ackTimer = null
      this.#post(this.#frame(ACK))
    })
  }

  /** Says that this end lives, and counts how long the other has not (L4). */
  #beat(): void {
    const { runtime, transport, silence } = this.#options
    const now = runtime.monotonic()
    const alive = transport.alive
    if (this.#heard) {
      this.#silent = 0
      this.#returning = false
    } else if (alive && this.#wasAlive) this.#silent += Math.min(now - this.#beatAt, MOST_A_BEAT)
    if (!alive) this.#returning = true
    this.#heard = false
    this.#wasAlive = alive
    this.#beatAt = now
    if (this.#silent >= (this.#returning ? Math.max(silence, RETURN) : silence)) {
      this.#lose()
      return
    }
    this.#postBeat()
    this.#spoke = false
    this.#beatTimer = runtime.after(HEARTBEAT, () => this.#beat())
  }

  #lose(): void {
    const { identity, lost } = this.#options
    const seconds = Math.round(this.#silent / 1000)
    this.close()
    lost(
      new ClusterError(
        `End ${identity.to} of a link has not answered for ${seconds} s, while NATS did all the time.`,
      ),
    )
  }
}
