import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isLoopback } from './address.ts'
import { Refusal } from './refusal.ts'

/**
 * What Kubernetes asks, which has no token and learns nothing; and the page that asks a person for it,
 * which is the same for every flow.
 */
const OPEN: ReadonlySet<string> = new Set(['/', '/healthz', '/readyz'])

/**
 * Who may ask.
 *
 * G1. On loopback a request names loopback as its host, so that no page of another site can reach
 *     the API under a name of its own (DNS rebinding).
 * G2. What a browser sends for another site's page is refused, unless a person follows a link.
 * G3. With a token, everything but the probes and the empty page needs it.
 */
export class Guard {
  readonly #host: string
  readonly #token: Buffer | null

  constructor(host: string, token: string | null) {
    this.#host = host
    this.#token = token === null ? null : digest(token)
  }

  /** @throws Refusal */
  check(request: IncomingMessage, path: string): void {
    this.#checkHost(request)
    checkSite(request)
    if (!OPEN.has(path)) this.#checkToken(request)
  }

  #checkHost({ headers }: IncomingMessage): void {
    if (!isLoopback(this.#host)) return
    const name = hostName(headers.host ?? '')
    if (name === this.#host.toLowerCase() || isLoopback(name)) return
    throw new Refusal(403, 'The Host header must name this machine: 127.0.0.1 or localhost.')
  }

  #checkToken({ headers }: IncomingMessage): void {
    if (this.#token === null) return
    const given = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
    if (given !== undefined && timingSafeEqual(digest(given), this.#token)) return
    throw new Refusal(401, 'Send the token: Authorization: Bearer <TIDEMARK_API_TOKEN>.', {
      'WWW-Authenticate': 'Bearer',
    })
  }
}

const checkSite = ({ method, headers }: IncomingMessage): void => {
  const site = headers['sec-fetch-site']
  const foreign = site !== undefined && site !== 'same-origin' && site !== 'none'
  const follows = method === 'GET' && headers['sec-fetch-mode'] === 'navigate'
  const { origin } = headers
  const elsewhere = origin !== undefined && !isOrigin(origin, headers.host ?? '')
  if ((foreign && !follows) || elsewhere) {
    throw new Refusal(403, 'Pages of other sites are not answered.')
  }
}

const isOrigin = (origin: string, host: string): boolean =>
  origin.toLowerCase() === `http://${host.toLowerCase()}` ||
  origin.toLowerCase() === `https://${host.toLowerCase()}`

/** `127.0.0.1` of `127.0.0.1:3030`, `::1` of `[::1]:3030`. */
const hostName = (host: string): string =>
  (
    /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::\d+)?$/i.exec(host)?.slice(1).find(Boolean) ?? ''
  ).toLowerCase()

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
