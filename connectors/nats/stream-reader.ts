import { randomBytes } from 'node:crypto'
import { ConnectorError } from '../../lib/errors/errors.ts'
import type { Runtime, Timer } from '../../lib/runtime/runtime.ts'
import type { JetStream } from './jetstream-api.ts'
import { type Incoming, shutOut } from './wire.ts'

/** A message of a stream. */
export interface JetStreamItem {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: Readonly<Record<string, readonly string[]>>
  /** Its number in the stream. */
  readonly sequence: number
  /** When it was stored: epoch milliseconds. */
  readonly timestamp: number
}

/** A message and what to answer for it; kept apart from what is handed over. */
export interface Arrived {
  readonly item: JetStreamItem
  readonly reply: string
}

export interface StreamReaderOptions {
  readonly stream: string
  /** Only messages of these subjects; all of them when it is empty. */
  readonly filters: readonly string[]
  /** Messages that may wait to be taken. */
  readonly capacity: number
  /** Where to begin at first, instead of behind the last place: JetStream's delivery policy. */
  readonly begin?: Readonly<Record<string, unknown>>
  /** The sequence at which it ends; `null` for never. */
  readonly until: number | null
  readonly headersOnly?: boolean
  /** Acknowledged one by one, on a consumer under names that begin so; `null` for never. */
  readonly queue: { readonly prefix: string; readonly most: number } | null
  /** Looks at the stream before it is read again, at the last sequence that arrived. */
  readonly inspect: (last: JetStreamPlace) => Promise<void>
  /** Sees each message; `false` keeps it out. */
  readonly accept: (arrived: Arrived) => boolean
  readonly runtime: Runtime
}

/** A place in a stream: behind a message, 0 for its start. */
export interface JetStreamPlace {
  readonly sequence: number
  /** When that message was stored, epoch milliseconds; 0 at the start. */
  readonly timestamp: number
}

const SECOND = 1_000_000_000
/** A request for messages lies at the server this long; it says every few seconds that it does: ns. */
const ASKED_FOR = 30 * SECOND
const HEARTBEAT = 4 * SECOND
/** Silence after which the consumer is taken for lost: milliseconds. */
const SILENCE = 10_000
/** A consumer that nobody asks anything goes by itself: ns. A queue's tells by that who took it. */
const KEPT_FOR = 60 * SECOND
const QUEUE_KEPT_FOR = 24 * 3600 * SECOND
const ANSWERED_WITHIN = 3600 * SECOND
/** Bytes of an answer to one request for messages. */
const MOST_BYTES = 8 * 1024 * 1024
/** Waits before a consumer is made again, doubling up to the second: milliseconds. */
const SHORTEST_PAUSE = 50
const LONGEST_PAUSE = 5000

const HEARTBEAT_STATUS = 100
const ENDED: ReadonlySet<number> = new Set([404, 408])
const CONFLICT = 409
const encoder = new TextEncoder()

/**
 * Reads a stream in order from a place of our own, over a consumer that is made anew whenever a
 * message is missing, the server falls silent or the connection was lost.
 *
 * R1: messages arrive in the order of their sequences, none of them twice.
 * R2: never more than `capacity` of them wait; no more than there is room for are asked for.
 */
export class StreamReader {
  readonly #js: JetStream
  readonly #options: StreamReaderOptions
  readonly #state: { end(): void }
  readonly #denied: { end(): void }
  #waiting: JetStreamItem[] = []
  #last: JetStreamPlace
  #began = false
  #ended = false
  #failure: ConnectorError | null = null
  #closed = false
  #consumer: string | null = null
  #inbox: { end(): void } | null = null
  #delivered = 0
  #asked = 0
  #heard = 0
  #pause = SHORTEST_PAUSE
  #timer: Timer | null = null
  #restarting = false
  #listener: (() => void) | null = null

  private constructor(js: JetStream, options: StreamReaderOptions, last: JetStreamPlace) {
    this.#js = js
    this.#options = options
    this.#last = last
    this.#ended = options.until !== null && options.until <= last.sequence
    this.#state = js.wire.onState((state) => {
      if (state === 'up' && this.#began) void this.#restart()
      if (state === 'closed') this.#fail(shutOut())
    })
    this.#denied = js.wire.onDenied(({ subject, failure }) => {
      if (subject === this.#inboxSubject) this.#fail(failure)
    })
  }

  static async open(
    js: JetStream,
    options: StreamReaderOptions,
    last: JetStreamPlace,
  ): Promise<StreamReader> {
    const reader = new StreamReader(js, options, last)
    try {
      if (reader.#ended) await options.inspect(last)
      else await reader.#begin()
    } catch (error) {
      await reader.close()
      throw error
    }
    return reader
  }

  /** Whether all was taken and nothing comes any more. */
  get ended(): boolean {
    return this.#ended && this.#waiting.length === 0
  }

  /** The last message that arrived, kept out or not. */
  get last(): JetStreamPlace {
    return this.#last
  }

  get waiting(): number {
    return this.#waiting.length
  }

  take(most: number): JetStreamItem[] {
    if (this.#waiting.length === 0) {
      if (this.#failure !== null) throw this.#failure
      return []
    }
    const taken = this.#waiting.length <= most ? this.#waiting : this.#waiting.slice(0, most)
    this.#waiting = taken === this.#waiting ? [] : this.#waiting.slice(most)
    this.#ask()
    return taken
  }

  /** Resolves when there is something to take, an end, a failure, or progress without items. */
  heard(): Promise<void> {
    if (this.#waiting.length > 0 || this.#ended || this.#failure !== null || this.#closed) {
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.#listener = resolve
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#state.end()
    this.#denied.end()
    this.#timer?.cancel()
    this.#inbox?.end()
    this.#tell()
    const consumer = this.#consumer
    this.#consumer = null
    if (consumer === null || this.#js.wire.state !== 'up') return
    // What is left behind goes by itself.
    await this.#js.removeConsumer(this.#options.stream, consumer).catch(() => {})
  }

  async #begin(): Promise<void> {
    const { stream, queue, inspect } = this.#options
    await inspect(this.#last)
    await this.#leaveConsumer()
    const name = `${queue?.prefix ?? 'tidemark-'}${randomBytes(9).toString('hex')}`
    const { pending, filters } = await this.#js.addConsumer(stream, this.#configuration(name))
    if (this.#options.filters.length > 1 && !Array.isArray(filters)) {
      throw new ConnectorError(
        'Several filters need nats-server 2.10 or newer: give one filter, or a source for each.',
      )
    }
    this.#consumer = name
    this.#began = true
    this.#delivered = 0
    this.#asked = 0
    if (this.#closed) return
    if (pending === 0 && this.#options.until !== null) return this.#end()
    this.#pause = SHORTEST_PAUSE
    this.#listen()
  }

  /** Of a queue, whoever read it before is put out; by one of ours that is noticed. */
  async #leaveConsumer(): Promise<void> {
    const { stream, queue } = this.#options
    const own = this.#consumer
    this.#inbox?.end()
    this.#inbox = null
    this.#consumer = null
    if (queue === null) {
      if (own !== null) await this.#js.removeConsumer(stream, own)
      return
    }
    if (own !== null) {
      if (await this.#js.removeConsumer(stream, own)) return
      throw takenOver(stream)
    }
    if (this.#began) return
    for (const name of await this.#js.consumers(stream)) {
      if (name.startsWith(queue.prefix)) await this.#js.removeConsumer(stream, name)
    }
  }

  #configuration(name: string): Readonly<Record<string, unknown>> {
    const { filters, queue, begin, headersOnly } = this.#options
    const place =
      queue !== null
        ? { deliver_policy: 'all' }
        : begin !== undefined && !this.#began
          ? begin
          : { deliver_policy: 'by_start_sequence', opt_start_seq: this.#last.sequence + 1 }
    const answers =
      queue === null
        ? { ack_policy: 'none', mem_storage: true, inactive_threshold: KEPT_FOR }
        : {
            ack_policy: 'explicit',
            ack_wait: ANSWERED_WITHIN,
            max_ack_pending: queue.most,
            inactive_threshold: QUEUE_KEPT_FOR,
          }
    return {
      name,
      replay_policy: 'instant',
      ...place,
      ...answers,
      ...(queue === null ? { num_replicas: 1 } : {}),
      ...(headersOnly === true ? { headers_only: true } : {}),
      ...(filters.length === 1 ? { filter_subject: filters[0] } : {}),
      ...(filters.length > 1 ? { filter_subjects: filters } : {}),
    }
  }

  #listen(): void {
    const { wire } = this.#js
    const inbox = wire.inbox()
    const subscription = wire.subscribe(inbox, (message) => {
      if (this.#inbox === subscription) this.#take(message)
    })
    this.#inbox = subscription
    this.#inboxSubject = inbox
    this.#heard = this.#options.runtime.monotonic()
    this.#ask()
    this.#watch()
  }

  #inboxSubject = ''

  /** R2. */
  #ask(): void {
    if (this.#inbox === null || this.#asked > 0 || this.#ended || this.#closed) return
    const { capacity, stream } = this.#options
    const room = capacity - this.#waiting.length
    if (room * 2 < capacity || this.#js.wire.state !== 'up') return
    this.#asked = room
    this.#heard = this.#options.runtime.monotonic()
    const question = {
      batch: room,
      expires: ASKED_FOR,
      idle_heartbeat: HEARTBEAT,
      max_bytes: Math.max(MOST_BYTES, 2 * this.#js.wire.maxPayload),
    }
    this.#js.wire.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${this.#consumer}`,
      encoder.encode(JSON.stringify(question)),
      { reply: this.#inboxSubject },
    )
  }

  #watch(): void {
    this.#timer?.cancel()
    this.#timer = this.#options.runtime.after(SILENCE / 2, () => {
      if (this.#closed || this.#ended || this.#failure !== null) return
      const silent = this.#options.runtime.monotonic() - this.#heard
      if (this.#asked > 0 && silent > SILENCE) void this.#restart()
      else {
        this.#ask()
        this.#watch()
      }
    })
  }

  #take(message: Incoming): void {
    this.#heard = this.#options.runtime.monotonic()
    if (message.status !== 0) return this.#hearStatus(message)
    const told = deliveryOf(message.reply)
    if (told === null) return
    // R1: one that is missing is read again, with all that follow.
    if (told.delivery !== this.#delivered + 1) return void this.#restart()
    this.#delivered = told.delivery
    this.#asked = Math.max(0, this.#asked - 1)
    const { until, accept } = this.#options
    const item: JetStreamItem = {
      subject: message.subject,
      data: message.data,
      headers: message.headers,
      sequence: told.sequence,
      timestamp: told.timestamp,
    }
    const inside = until === null || item.sequence <= until
    if (inside && accept({ item, reply: message.reply })) this.#waiting.push(item)
    if (inside && item.sequence > this.#last.sequence) {
      this.#last = { sequence: item.sequence, timestamp: item.timestamp }
    }
    if (until !== null && (item.sequence >= until || told.pending === 0)) this.#end()
    if (this.#waiting.length > 0) this.#tell()
    if (this.#asked > 0) return
    this.#tell()
    this.#ask()
  }

  #hearStatus({ status, description }: Incoming): void {
    if (status === HEARTBEAT_STATUS) return
    const full = status === CONFLICT && /maxbytes|batch completed/i.test(description)
    if (ENDED.has(status) || full) {
      this.#asked = 0
      this.#ask()
    } else if (
      status === CONFLICT &&
      /deleted/i.test(description) &&
      this.#options.queue !== null
    ) {
      this.#fail(takenOver(this.#options.stream))
    } else {
      void this.#restart()
    }
  }

  async #restart(): Promise<void> {
    if (this.#restarting || this.#closed || this.#ended || this.#failure !== null) return
    this.#restarting = true
    this.#inbox?.end()
    this.#inbox = null
    try {
      while (!this.#closed) {
        try {
          if (this.#js.wire.state === 'up') return await this.#begin()
        } catch (error) {
          if (!(error instanceof ConnectorError && error.retryable)) return this.#fail(error)
        }
        await this.#sleep()
      }
    } finally {
      this.#restarting = false
    }
  }

  #sleep(): Promise<void> {
    const pause = this.#pause
    this.#pause = Math.min(pause * 2, LONGEST_PAUSE)
    return new Promise((resolve) => {
      this.#options.runtime.after(pause, resolve)
    })
  }

  #end(): void {
    this.#ended = true
    this.#inbox?.end()
    this.#inbox = null
    this.#tell()
  }

  #fail(error: unknown): void {
    if (this.#closed || this.#failure !== null) return
    this.#failure =
      error instanceof ConnectorError
        ? error
        : new ConnectorError(`Reading "${this.#options.stream}" failed: ${String(error)}.`, {
            cause: error,
          })
    this.#inbox?.end()
    this.#inbox = null
    this.#tell()
  }

  #tell(): void {
    const listener = this.#listener
    this.#listener = null
    listener?.()
  }
}

const takenOver = (stream: string): ConnectorError =>
  new ConnectorError(
    `The work queue "${stream}" is read by somebody else: another process runs the flow, or the consumer was removed. Stop one of them.`,
  )

interface Delivery {
  readonly sequence: number
  /** Its number among all that this consumer was given. */
  readonly delivery: number
  readonly timestamp: number
  readonly pending: number
}

/** `$JS.ACK.<stream>.<consumer>.<tries>.<sequence>.<delivery>.<ns>.<pending>`, domain and account perhaps before. */
const deliveryOf = (reply: string): Delivery | null => {
  const tokens = reply.split('.')
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || tokens.length < 9) return null
  const from = tokens.length > 9 ? 7 : 5
  return {
    sequence: Number(tokens[from]),
    delivery: Number(tokens[from + 1]),
    timestamp: Number((tokens[from + 2] ?? '').slice(0, -6)),
    pending: Number(tokens[from + 3]),
  }
}
