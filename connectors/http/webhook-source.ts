/**
 * Takes HTTP requests in.
 *
 * - **Partitions**: one, the port; one worker listens.
 * - **Position**: how many requests were handed over; with `dedupe`, the last ids among them.
 * - **Delivery**: `accepted`: at most once, since what is in memory is lost with the process.
 *   `committed`: at least once for a sender that sends again until it is told 200; with `dedupe`,
 *   exactly once as long as the id is among the last that are remembered.
 * - **Back-pressure**: what finds no room is refused with 429; while the flow is not there, with 503.
 * - **Needs**: nothing.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { ConnectorError } from '../../lib/errors/errors.ts'
import type { Dataflow } from '../../lib/flow/dataflow.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { FixedPartitionedSource } from '../../lib/flow/source.ts'
import type { Stream } from '../../lib/flow/stream.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { branch } from '../../operators/branch.ts'
import { type WebhookOptions, type WebhookSettings, webhookSettings } from './webhook-options.ts'
import {
  type MalformedWebhook,
  type WebhookArrival,
  type WebhookItem,
  WebhookPartition,
} from './webhook-partition.ts'
import type { WebhookPosition } from './webhook-tickets.ts'

const HEADER_BYTES = 16 * 1024
const HEADERS = 100
/** Milliseconds. */
const LOOK_EVERY = 1000
const KEEP_ALIVE = 5000
const LEAVE_WITHIN = 2000

/** One port, and the partition behind it. */
abstract class Listener<T> extends FixedPartitionedSource<T, WebhookPosition> {
  readonly #settings: WebhookSettings
  #runtime: Runtime = systemRuntime
  #url: string | null = null

  constructor(options: WebhookOptions) {
    super()
    this.#settings = webhookSettings(options)
  }

  /** Where it listens; `null` while it does not. */
  get url(): string | null {
    return this.#url
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return [`${this.#settings.port}${this.#settings.path}`]
  }

  protected async listen(
    resume: WebhookPosition | null,
    made: {
      readonly emitMalformed: boolean
      readonly make: (arrival: WebhookArrival) => T
    },
  ): Promise<WebhookPartition<T>> {
    const { requestTimeout, connections, host, path } = this.#settings
    const server = createServer({
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: requestTimeout,
      requestTimeout,
      keepAliveTimeout: KEEP_ALIVE,
      connectionsCheckingInterval: Math.min(LOOK_EVERY, Math.max(1, requestTimeout)),
    })
    server.maxConnections = connections
    server.maxHeadersCount = HEADERS
    const partition = new WebhookPartition<T>(this.#settings, {
      runtime: this.#runtime,
      resume,
      ...made,
      closed: async () => {
        this.#url = null
        await leave(server, this.#runtime)
      },
    })
    const take = (request: IncomingMessage, response: ServerResponse): void => {
      void partition.answer(request, response)
    }
    server.on('request', take)
    server.on('checkContinue', take)
    const port = await open(server, this.#settings)
    this.#url = `http://${host.includes(':') ? `[${host}]` : host}:${port}${path}`
    return partition
  }
}

/**
 * Listens for POST and PUT requests and gives their bodies: JSON parsed, NDJSON a line an item, text as
 * text, anything else as bytes. A body that is not what it says is refused with 400.
 *
 * It has no end. Refusals and their reasons: 400 malformed, 401 not signed, 403 wrong host or a page in
 * a browser, 404, 405, 413 too large, 415 unknown type, 429 no room, 503 not ready or stopping, 504 not
 * durable in time.
 *
 * @throws BuildError for options that can't work, ConnectorError when the port can't be had
 *
 * @example
 * ```ts
 * flow.input('orders', new WebhookSource({ port: 8080, path: '/orders', ack: 'committed' }))
 * ```
 */
export class WebhookSource extends Listener<WebhookItem> {
  override buildPart(
    _stepId: string,
    _part: string,
    resume: WebhookPosition | null,
  ): Promise<WebhookPartition<WebhookItem>> {
    return this.listen(resume, { emitMalformed: false, make: wellFormed })
  }
}

class EveryWebhookSource extends Listener<WebhookArrival> {
  override buildPart(
    _stepId: string,
    _part: string,
    resume: WebhookPosition | null,
  ): Promise<WebhookPartition<WebhookArrival>> {
    return this.listen(resume, { emitMalformed: true, make: (arrival) => arrival })
  }
}

/**
 * Listens as {@link WebhookSource} does, but takes malformed bodies too: they come out aside with their
 * bytes and the reason, and the sender is told that they were taken.
 *
 * Takes its place in the flow as the step `id` (a source) and `id.errors`.
 *
 * @param id - the step's id
 * @param flow - the flow
 * @param options - those of {@link WebhookSource}
 *
 * @example
 * ```ts
 * const { oks, errs } = webhookInput('orders', flow, { port: 8080 })
 * ```
 */
export const webhookInput = (
  id: string,
  flow: Dataflow,
  options: WebhookOptions,
): { readonly oks: Stream<WebhookItem>; readonly errs: Stream<MalformedWebhook> } => {
  const requests = flow.input(id, new EveryWebhookSource(options))
  const { trues, falses } = flow.inside(id, () => requests.pipe(branch('errors', isWellFormed)))
  return { oks: trues, errs: falses }
}

const isWellFormed = (arrival: WebhookArrival): arrival is WebhookItem => 'body' in arrival

const wellFormed = (arrival: WebhookArrival): WebhookItem => {
  if (isWellFormed(arrival)) return arrival
  throw new ConnectorError(`A malformed request was let in: ${arrival.reason}.`)
}

const open = (server: Server, { port, host }: WebhookSettings): Promise<number> =>
  new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void =>
      reject(
        new ConnectorError(
          `The webhook source can't listen at ${host}, port ${port}: ${cause.message}. Free the port, or take another one.`,
          { cause, retryable: cause.code === 'EADDRINUSE' },
        ),
      )
    server.once('error', failed)
    server.listen(port, host, () => {
      server.off('error', failed)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })

/** Answers that are on their way get through; who does not take them is left. */
const leave = (server: Server, runtime: Runtime): Promise<void> =>
  new Promise((resolve) => {
    const timer = runtime.after(LEAVE_WITHIN, () => server.closeAllConnections())
    server.close(() => {
      timer.cancel()
      resolve()
    })
    server.closeIdleConnections()
  })
