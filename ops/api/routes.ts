import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dataflow } from '../../lib/flow/dataflow.ts'
import type { Execution } from '../../lib/run/execution.ts'
import { type MetricsPage, openMetrics } from '../metrics/metrics.ts'
import type { MetricsText } from '../metrics/prom.ts'
import { toJson } from '../visualize/json.ts'
import { bounded } from './flow-event.ts'
import { LiveStreams } from './live-streams.ts'
import { plain } from './plain.ts'
import { Refusal } from './refusal.ts'
import { Shared } from './shared.ts'

/** What a state is before it is shown: `redact` may take out what nobody should read. */
export type Redact = (
  state: unknown,
  of: { readonly step: string; readonly key: string },
) => unknown

/** What has been said of a running flow lately; of each text only so much. */
const MOST_MESSAGES = 32
const LONGEST_MESSAGE = 500

interface Message {
  readonly time: number
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
}

/** A page of metrics is as good as new for so long, however many ask for it: milliseconds. */
const PAGE_LASTS = 250
/** A worker that is busy for longer than this counts as not answering: milliseconds. */
const PATIENCE = 5000

const HELP = `GET  /                   the dashboard, in a browser; this list, elsewhere
GET  /healthz            whether the flow has not failed
GET  /readyz             whether every worker reads its sources
GET  /metrics            for Prometheus
GET  /flow               the graph, as JSON
GET  /flow/live          where every step stands, as server-sent events
GET  /state/<step>/<key> the live state of a key
POST /stop               end all input, and finish what was read
`

type Answer = (
  response: ServerResponse,
  segments: readonly string[],
  request: IncomingMessage,
) => void | Promise<void>

interface Route {
  readonly method: 'GET' | 'POST'
  readonly answer: Answer
}

/** What the API answers. */
export class Routes {
  readonly #flow: Dataflow
  readonly #execution: Execution
  readonly #redact: Redact
  readonly #live: LiveStreams
  #metrics: MetricsPage | null = null
  readonly #page = new Shared(() => this.#readPage(), { lasts: PAGE_LASTS })
  /** It never changes. */
  readonly #graph: string
  /** What ended the flow, where that was a failure. */
  #failure: string | null = null
  /** When an epoch was last committed, by the monotonic clock. */
  #committedAt: number | null = null
  readonly #messages: Message[] = []
  readonly #routes: ReadonlyMap<string, Route>

  constructor(execution: Execution, flow: Dataflow, redact: Redact) {
    this.#execution = execution
    this.#flow = flow
    this.#redact = redact
    this.#graph = toJson(flow)
    execution.done.catch((error: unknown) => {
      this.#failure = String(error).slice(0, LONGEST_MESSAGE)
    })
    execution.events$.subscribe((event) => {
      if (event.kind === 'committed') this.#committedAt = performance.now()
      else if (event.kind === 'message') this.#note(event)
    })
    this.#live = new LiveStreams(() => this.#now())
    const get = (answer: Answer): Route => ({ method: 'GET', answer })
    this.#routes = new Map<string, Route>([
      ['', get((response, _, request) => this.#home(response, request))],
      ['healthz', get((response) => this.#healthz(response))],
      ['readyz', get((response) => this.#readyz(response))],
      ['metrics', get((response) => this.#readMetrics(response))],
      ['flow', get((response) => send(response, 200, 'application/json', this.#graph))],
      ['flow/live', get((response) => this.#live.add(response))],
      ['state/*/*', get((response, [, step = '', key = '']) => this.#state(response, step, key))],
      ['stop', { method: 'POST', answer: (response) => this.#stop(response) }],
    ])
  }

  /** @throws Refusal */
  async answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const raw = path.slice(1).split('/')
    const name = raw[0] === 'state' && raw.length === 3 ? 'state/*/*' : raw.join('/')
    const route = this.#routes.get(name)
    if (route === undefined) throw new Refusal(404, 'There is nothing here; / lists what there is.')
    const method = request.method === 'HEAD' && name !== 'flow/live' ? 'GET' : request.method
    if (method !== route.method) {
      throw new Refusal(405, `Use ${route.method}.`, { Allow: route.method })
    }
    await route.answer(response, raw.map(decoded), request)
  }

  /** Ends what is open. */
  close(): void {
    this.#live.close(this.#failure)
    this.#metrics?.close()
  }

  /** The page is for browsers, which say that they take HTML. */
  async #home(response: ServerResponse, { headers }: IncomingMessage): Promise<void> {
    response.setHeader('Vary', 'Accept')
    if (!/\btext\/html\b/.test(headers.accept ?? '')) {
      text(response, 200, HELP)
      return
    }
    const { dashboard } = await import('../dashboard/document.ts')
    const { html, policy } = await dashboard()
    response.setHeader('Content-Security-Policy', policy)
    response.setHeader('Referrer-Policy', 'no-referrer')
    send(response, 200, 'text/html; charset=utf-8', html)
  }

  #healthz(response: ServerResponse): void {
    if (this.#failure !== null) text(response, 503, 'the flow has failed\n')
    else text(response, 200, 'ok\n')
  }

  async #readyz(response: ServerResponse): Promise<void> {
    const workers = await inTime(this.#execution.observe())
    const ready = workers.length > 0 && workers.length === this.#execution.workers
    if (ready && workers.every(({ reading, stopping }) => reading && !stopping)) {
      text(response, 200, 'ready\n')
    } else {
      text(response, 503, workers.some(({ stopping }) => stopping) ? 'stopping\n' : 'starting\n')
    }
  }

  async #readMetrics(response: ServerResponse): Promise<void> {
    const { contentType, text: body } = await inTime(this.#page.get())
    send(response, 200, contentType, body)
  }

  #readPage(): Promise<MetricsText> {
    this.#metrics ??= openMetrics(this.#execution, { flow: this.#flow.id })
    return this.#metrics.read()
  }

  async #now(): Promise<unknown> {
    return {
      flow: this.#flow.id,
      time: Date.now(),
      ...this.#execution.metrics(),
      sinceCommit:
        this.#committedAt === null ? null : (performance.now() - this.#committedAt) / 1000,
      messages: this.#messages,
      workers: (await inTime(this.#execution.observe())).map(bounded),
    }
  }

  #note({ level, message }: Omit<Message, 'time'>): void {
    if (this.#messages.length === MOST_MESSAGES) this.#messages.shift()
    this.#messages.push({ time: Date.now(), level, message: message.slice(0, LONGEST_MESSAGE) })
  }

  async #state(response: ServerResponse, step: string, key: string): Promise<void> {
    const known = this.#flow.steps.some(({ id, spec }) => id === step && spec.kind === 'keyed')
    if (!known) throw new Refusal(404, 'The flow has no such step that keeps state.')
    const state = await inTime(this.#execution.query(step, key))
    if (state === undefined) throw new Refusal(404, 'The step keeps nothing for this key.')
    const { value, cut } = plain(this.#redact(state, { step, key }))
    json(response, 200, { step, key, state: value, ...(cut ? { cut } : {}) })
  }

  #stop(response: ServerResponse): void {
    json(response, 202, { stopping: true })
    this.#execution.stop({ drain: true }).catch(() => {})
  }
}

const decoded = (segment: string): string => {
  const text = tryDecode(segment)
  if (text !== null) return text
  throw new Refusal(400, 'The path has a percent sign that stands for no character.')
}

const tryDecode = (segment: string): string | null => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}

const inTime = async <T>(work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const refusal = new Refusal(503, 'A worker is too busy to answer.', { 'Retry-After': '5' })
    timer = setTimeout(reject, PATIENCE, refusal)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

const send = (response: ServerResponse, status: number, type: string, body: string): void => {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

const text = (response: ServerResponse, status: number, body: string): void =>
  send(response, status, 'text/plain; charset=utf-8', body)

export const json = (response: ServerResponse, status: number, body: unknown): void =>
  send(response, status, 'application/json', JSON.stringify(body))
