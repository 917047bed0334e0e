import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { BuildError } from '../../lib/errors/errors.ts'
import type { Dataflow } from '../../lib/flow/dataflow.ts'
import type { Execution } from '../../lib/run/execution.ts'
import { FIRST_PORT, isLoopback, LOOPBACK, urlOf } from './address.ts'
import { Guard } from './guard.ts'
import { Refusal } from './refusal.ts'
import { json, type Redact, Routes } from './routes.ts'

/** How an API is served; every field but the flow may be left out. */
export interface ApiOptions {
  /** The flow that runs. */
  readonly flow: Dataflow
  /** @defaultValue `127.0.0.1`, which only this machine can reach */
  readonly host?: string
  /**
   * 0 is any free port.
   * @defaultValue the next free one from 3030
   */
  readonly port?: number
  /** What every request but a probe must bring; needed where other machines can reach the API. */
  readonly token?: string
  /** Takes out of a state what nobody should read, before `/state` shows it. */
  readonly redact?: Redact
}

/** An API that is being served. */
export interface Api {
  readonly url: string
  /** Ends open event streams and all else; happens by itself when the flow has ended. */
  close(): Promise<void>
}

/** Bytes of a request's head, and of its body. */
const MOST_HEAD = 8 * 1024
const MOST_BODY = 1024
const MOST_CONNECTIONS = 128
/** Milliseconds: for the head of a request, all of it, a silent connection, and one that rests. */
const HEAD_WITHIN = 5000
const ALL_WITHIN = 10_000
const SILENT_FOR = 30_000
const RESTS_FOR = 5000
/** How long the last bytes may take when the API is closed. */
const LAST_BYTES = 250
const SHORTEST_TOKEN = 16
const PORTS_TRIED = 100

const HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
}

/**
 * Serves health, metrics, the graph, live state and a stop for a running flow, over HTTP.
 *
 * @returns when it listens
 * @throws BuildError where other machines could reach it without a token; what the system says when
 *   the address can't be had
 *
 * @example
 * ```ts
 * const execution = start(flow)
 * const { url } = await serveApi(execution, { flow })
 * ```
 */
export const serveApi = async (execution: Execution, options: ApiOptions): Promise<Api> => {
  const { flow, host = LOOPBACK, port, token, redact = (state) => state } = options
  checkToken(host, token)
  const routes = new Routes(execution, flow, redact)
  const server = serverOf(new Guard(host, token ?? null), routes)
  const ports = port === undefined ? portsFrom(FIRST_PORT) : [port]
  const bound = await listen(server, host, ports)
  const close = closing(server, routes)
  const end = (): void => void close()
  execution.done.then(end, end)
  return { url: urlOf({ host, port: bound }), close }
}

const checkToken = (host: string, token: string | undefined): void => {
  if (token === undefined && !isLoopback(host)) {
    throw new BuildError(
      `An API on ${host} can be reached by others, so it needs a token: set TIDEMARK_API_TOKEN, or listen on ${LOOPBACK}.`,
    )
  }
  if (token !== undefined && !/^[\w.~+/=-]+$/.test(token)) {
    throw new BuildError('The token of an API is made of letters, digits and . _ ~ + / = -.')
  }
  if (token !== undefined && token.length < SHORTEST_TOKEN) {
    throw new BuildError(`The token of an API needs at least ${SHORTEST_TOKEN} characters.`)
  }
}

const serverOf = (guard: Guard, routes: Routes): Server => {
  const server = createServer(
    {
      maxHeaderSize: MOST_HEAD,
      headersTimeout: HEAD_WITHIN,
      requestTimeout: ALL_WITHIN,
      keepAliveTimeout: RESTS_FOR,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => void respond({ guard, routes }, request, response),
  )
  server.maxConnections = MOST_CONNECTIONS
  server.setTimeout(SILENT_FOR)
  // Upgrades and tunnels are not spoken here.
  for (const event of ['upgrade', 'connect']) {
    server.on(event, (_request: IncomingMessage, socket: Socket) => socket.destroy())
  }
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy()
    else socket.end(statusLine(error.code), () => socket.destroy())
  })
  return server
}

const STATUS: ReadonlyMap<string | undefined, string> = new Map([
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
])

const statusLine = (code: string | undefined): string =>
  `HTTP/1.1 ${STATUS.get(code) ?? '400 Bad Request'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`

const respond = async (
  { guard, routes }: { readonly guard: Guard; readonly routes: Routes },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
  // A peer that goes away while it is answered is nobody's failure.
  request.on('error', () => {})
  response.on('error', () => {})
  try {
    const { url = '' } = request
    const path = url.split('?', 1)[0] ?? ''
    if (!path.startsWith('/')) throw new Refusal(400, 'The path must begin with a slash.')
    guard.check(request, path)
    await noBody(request)
    await routes.answer(request, response, path)
  } catch (error) {
    refuse(request, response, error)
  }
}

/** No route takes a body; a short one, as some clients send with every POST, is passed over. */
const noBody = async (request: IncomingMessage): Promise<void> => {
  const tooLong = new Refusal(413, `A body may have ${MOST_BODY} bytes.`)
  if (Number(request.headers['content-length'] ?? 0) > MOST_BODY) throw tooLong
  if (!('content-length' in request.headers || 'transfer-encoding' in request.headers)) return
  let bytes = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length
    if (bytes > MOST_BODY) throw tooLong
  }
}

const refuse = (request: IncomingMessage, response: ServerResponse, error: unknown): void => {
  const refusal = error instanceof Refusal ? error : new Refusal(500, 'This could not be answered.')
  if (response.headersSent) {
    response.destroy()
    return
  }
  for (const [name, value] of Object.entries(refusal.headers)) response.setHeader(name, value)
  if (!request.complete) {
    // What is still to come of the request is not waited for.
    response.setHeader('Connection', 'close')
    response.on('finish', () => request.destroy())
  }
  json(response, refusal.status, { error: refusal.message })
}

const portsFrom = (first: number): readonly number[] =>
  Array.from({ length: PORTS_TRIED }, (_, at) => first + at)

/** Listens on the first port that is free; gives its number. */
const listen = async (
  server: Server,
  host: string,
  [port = 0, ...others]: readonly number[],
): Promise<number> => {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    if (!taken || others.length === 0) throw error
    return listen(server, host, others)
  }
  // What goes wrong later concerns one connection, and is answered there.
  server.on('error', () => {})
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

const closing = (server: Server, routes: Routes): (() => Promise<void>) => {
  let closed: Promise<void> | null = null
  const close = async (): Promise<void> => {
    const gone = new Promise<void>((resolve) => server.close(() => resolve()))
    routes.close()
    server.closeIdleConnections()
    const last = setTimeout(() => server.closeAllConnections(), LAST_BYTES)
    await gone
    clearTimeout(last)
  }
  return () => {
    closed ??= close()
    return closed
  }
}
