import { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { type Polled, StatefulSourcePartition } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { Arrivals } from '../arrivals.ts'
import { Refusal, SOON } from './refusal.ts'
import { formatOf, Malformed, parseBody } from './webhook-body.ts'
import { checkHead, checkSignature, tooLarge } from './webhook-guard.ts'
import type { WebhookSettings } from './webhook-options.ts'
import { type Outcome, type Ticket, Tickets, type WebhookPosition } from './webhook-tickets.ts'

/** What came with a request, beside its body. */
export interface WebhookEnvelope {
  /** Its id, where `dedupe` names a header for it. */
  readonly id: string | null
  /** Behind the `?`, without it. */
  readonly query: string
  readonly contentType: string
  /** By name in small letters; of a repeated one all values with commas. */
  readonly headers: Readonly<Record<string, string>>
  /** Epoch milliseconds. */
  readonly receivedAt: number
}

/** A request's body, or a line of it. */
export interface WebhookItem extends WebhookEnvelope {
  readonly body: unknown
}

/** A request whose body is not what it says, with all its bytes. */
export interface MalformedWebhook extends WebhookEnvelope {
  readonly reason: string
  readonly bytes: Uint8Array
}

export type WebhookArrival = WebhookItem | MalformedWebhook

interface Waiting {
  readonly ticket: Ticket
  readonly items: readonly WebhookArrival[]
  readonly bytes: number
}

const MAX_ID = 256

/**
 * Requests on their way into the flow.
 *
 * B1. Bytes count from when they are read until they are handed over, so a flood finds no room.
 * B2. The items of a request are handed over in one batch, so they are in one epoch.
 */
export class WebhookPartition<T> extends StatefulSourcePartition<T, WebhookPosition> {
  readonly #settings: WebhookSettings
  readonly #runtime: Runtime
  readonly #arrivals: Arrivals<Waiting>
  readonly #tickets: Tickets
  readonly #make: (arrival: WebhookArrival) => T
  readonly #emitMalformed: boolean
  readonly #closed: () => Promise<void>
  /** Bytes of bodies that are being read. */
  #reading = 0
  #waitingBytes = 0
  #ready = false
  #stopping = false

  constructor(
    settings: WebhookSettings,
    ends: {
      readonly runtime: Runtime
      readonly resume: WebhookPosition | null
      readonly emitMalformed: boolean
      readonly make: (arrival: WebhookArrival) => T
      readonly closed: () => Promise<void>
    },
  ) {
    super()
    this.#settings = settings
    this.#runtime = ends.runtime
    this.#make = ends.make
    this.#emitMalformed = ends.emitMalformed
    this.#closed = ends.closed
    this.#arrivals = new Arrivals({ items: settings.buffer, bytes: settings.bufferBytes })
    this.#tickets = new Tickets(
      {
        remember: settings.dedupe?.remember ?? 1,
        untilCommit: settings.ack === 'committed',
      },
      ends.resume,
    )
  }

  override nextBatch(): Polled<T> | Promise<Polled<T>> {
    this.#ready = true
    const polled = this.#arrivals.next(this.#settings.batchSize)
    return polled instanceof Promise ? polled.then((each) => this.#hand(each)) : this.#hand(polled)
  }

  override snapshot(): WebhookPosition {
    return this.#tickets.position
  }

  override onCommit(position: WebhookPosition): void {
    this.#tickets.commit(position)
  }

  override async close(): Promise<void> {
    this.#stopping = true
    this.#arrivals.end()
    this.#tickets.stop()
    for (;;) {
      const rest = this.#arrivals.next(this.#settings.batchSize)
      if (rest instanceof Promise || typeof rest === 'symbol') break
      for (const { ticket } of rest) this.#tickets.settleWaiting(ticket)
    }
    await this.#closed()
  }

  /** Never fails: whatever a request is, it gets an answer or its connection ends. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { status, text } = await this.#take(request, response)
      reply(response, { status, message: text, headers: {} })
    } catch (error) {
      if (!(error instanceof Refusal)) return void response.destroy()
      reply(response, error, request)
    }
  }

  async #take(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { format, signature, ack } = this.#settings
    this.#checkRoom(Number(request.headers['content-length'] ?? 0))
    checkHead(request, this.#settings)
    const type = formatOf(request.headers['content-type'], format)
    const id = this.#idOf(request)
    if (/^100-continue$/i.test(request.headers.expect ?? '')) response.writeContinue()
    const body = await this.#read(request)
    if (signature !== null) checkSignature(request.headers, body, signature)
    this.#checkRoom(body.length)
    const known = id === null ? null : this.#tickets.find(id)
    if (known === 'durable' || (known !== null && ack === 'accepted')) {
      return { status: 200, text: 'It was taken before.' }
    }
    const ticket = known ?? this.#put(request, { id, body, format: type })
    if (ack === 'accepted') return { status: 202, text: 'Taken.' }
    await this.#committed(ticket, response)
    return { status: 200, text: 'Taken, and durable.' }
  }

  #checkRoom(bytes: number): void {
    const { bufferBytes, ack, maxUncommitted } = this.#settings
    if (this.#stopping) throw new Refusal(503, 'The flow is stopping.', SOON)
    if (!this.#ready) throw new Refusal(503, 'The flow is not ready yet.', SOON)
    const held = this.#waitingBytes + this.#reading
    const isFull = !this.#arrivals.hasRoom(bytes) || (held > 0 && held + bytes > bufferBytes)
    if (isFull || (ack === 'committed' && this.#tickets.size >= maxUncommitted)) {
      throw new Refusal(429, 'The flow is behind: send it again, later.', SOON)
    }
  }

  #idOf({ headers }: IncomingMessage): string | null {
    const { dedupe } = this.#settings
    if (dedupe === null) return null
    const id = headers[dedupe.header]
    if (typeof id === 'string' && id !== '' && id.length <= MAX_ID) return id
    throw new Refusal(
      400,
      `The header ${dedupe.header} must have the request's id, of ${MAX_ID} signs at most.`,
    )
  }

  #read(request: IncomingMessage): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let size = 0
      const leave = (): void => {
        this.#reading -= size
        request.off('data', take)
        request.off('end', end)
        request.off('close', lost)
      }
      const refuse = (refusal: unknown): void => {
        leave()
        request.pause()
        reject(refusal)
      }
      const take = (chunk: Buffer): void => {
        chunks.push(chunk)
        size += chunk.length
        this.#reading += chunk.length
        if (size > this.#settings.maxBody) return refuse(tooLarge(this.#settings.maxBody))
        // A body alone may be larger than the buffer: then it is the only one.
        const held = this.#waitingBytes + this.#reading
        if (held > this.#settings.bufferBytes && held > size) {
          refuse(new Refusal(429, 'The flow is behind: send it again, later.', SOON))
        }
      }
      const end = (): void => {
        leave()
        resolve(Buffer.concat(chunks, size))
      }
      const lost = (): void => refuse(new ConnectorError('The sender went away.'))
      request.on('data', take)
      request.on('end', end)
      request.on('close', lost)
    })
  }

  #put(
    request: IncomingMessage,
    {
      id,
      body,
      format,
    }: {
      readonly id: string | null
      readonly body: Buffer
      readonly format: ReturnType<typeof formatOf>
    },
  ): Ticket {
    const envelope: WebhookEnvelope = {
      id,
      query: request.url?.split('?').slice(1).join('?') ?? '',
      contentType: request.headers['content-type'] ?? '',
      headers: headersOf(request),
      receivedAt: this.#runtime.now(),
    }
    const parsed = parseBody(body, format)
    if (parsed instanceof Malformed && !this.#emitMalformed) {
      throw new Refusal(400, `The body can't be read: ${parsed.reason}.`)
    }
    const items: readonly WebhookArrival[] =
      parsed instanceof Malformed
        ? [{ ...envelope, reason: parsed.reason, bytes: new Uint8Array(body) }]
        : parsed.map((value) => ({ ...envelope, body: value }))
    const ticket = this.#tickets.open(id)
    this.#waitingBytes += body.length
    this.#arrivals.put({ ticket, items, bytes: body.length }, body.length)
    return ticket
  }

  #hand(polled: Polled<Waiting>): Polled<T> {
    if (typeof polled === 'symbol') return polled
    const items: T[] = []
    for (const waiting of polled) {
      this.#waitingBytes -= waiting.bytes
      this.#tickets.handOver(waiting.ticket)
      for (const item of waiting.items) items.push(this.#make(item))
    }
    return items
  }

  #committed(ticket: Ticket, response: ServerResponse): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: Outcome | 'late' | 'gone'): void => {
        timer.cancel()
        response.off('close', gone)
        ticket.answers.delete(settle)
        if (outcome === 'committed') return resolve()
        if (outcome === 'gone') return reject(new ConnectorError('The sender went away.'))
        reject(
          outcome === 'late'
            ? new Refusal(504, 'Taken, but not durable in time: it may be, or be sent again.', SOON)
            : new Refusal(503, 'The flow stopped before it was durable: send it again.', SOON),
        )
      }
      const gone = (): void => settle('gone')
      const timer = this.#runtime.after(this.#settings.commitTimeout, () => settle('late'))
      response.on('close', gone)
      ticket.answers.add(settle)
    })
  }
}

const headersOf = ({ headers }: IncomingMessage): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name !== '__proto__')
      .map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  )

/** With the request given, its body may not have been read: the connection ends with the answer. */
const reply = (
  response: ServerResponse,
  { status, message, headers }: Refusal,
  request?: IncomingMessage,
): void => {
  if (response.headersSent || response.destroyed) return
  const unread = request !== undefined && !request.complete
  const text = `${message}\n`
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'X-Content-Type-Options': 'nosniff',
    ...(unread ? { Connection: 'close' } : {}),
    ...headers,
  })
  response.end(text)
}
