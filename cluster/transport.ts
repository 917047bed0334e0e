import type { Runtime, Timer } from '../lib/runtime/runtime.ts'
import type { Messaging, Subscription } from './messaging.ts'

/**
 * Datagrams by subject, which may be lost, doubled, delayed and reordered. What a link makes
 * reliable.
 */
export interface Transport {
  /** Whether the own way to the server has been seen to work just now. */
  readonly alive: boolean
  /** The largest datagram, in bytes; may change when `onUp` is told. */
  readonly maxPayload: number
  /** Never blocks, never throws; the bytes belong to the transport afterwards. */
  send(subject: string, bytes: Uint8Array): void
  /** The bytes that `take` is handed are only good until it returns. */
  subscribe(subject: string, take: (bytes: Uint8Array) => void): Subscription
  /** Told each time the way to the server is open again: what was under way may be lost. */
  onUp(listen: () => void): Subscription
  close(): void
}

const PROBE_EVERY = 500
/** A round trip older than this says nothing of now: milliseconds. */
const FRESH = 1200

/** The datagrams of a broker, with a watch on the own round trip to it. */
export const messagingTransport = (messaging: Messaging, runtime: Runtime): Transport =>
  new MessagingTransport(messaging, runtime)

class MessagingTransport implements Transport {
  readonly #messaging: Messaging
  readonly #runtime: Runtime
  #answered: number
  #timer: Timer | null = null
  #closed = false
  #probing = false

  constructor(messaging: Messaging, runtime: Runtime) {
    this.#messaging = messaging
    this.#runtime = runtime
    this.#answered = runtime.monotonic()
    this.#probe()
  }

  get alive(): boolean {
    return this.#messaging.state === 'up' && this.#runtime.monotonic() - this.#answered <= FRESH
  }

  get maxPayload(): number {
    return this.#messaging.maxPayload
  }

  send(subject: string, bytes: Uint8Array): void {
    try {
      this.#messaging.publish(subject, bytes)
    } catch {
      // Larger than a server that was joined meanwhile takes: lost, as any datagram may be.
    }
  }

  subscribe(subject: string, take: (bytes: Uint8Array) => void): Subscription {
    return this.#messaging.subscribe(subject, take)
  }

  onUp(listen: () => void): Subscription {
    return this.#messaging.onState((state) => {
      if (state === 'up') listen()
    })
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  /** One probe at a time: what hangs says enough by not answering. */
  #probe(): void {
    if (this.#closed) return
    if (!this.#probing) {
      this.#probing = true
      this.#messaging.roundTrip().then(
        () => {
          this.#probing = false
          this.#answered = this.#runtime.monotonic()
        },
        () => {
          this.#probing = false
        },
      )
    }
    this.#timer = this.#runtime.after(PROBE_EVERY, () => this.#probe())
  }
}
