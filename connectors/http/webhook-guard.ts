import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Refusal } from './refusal.ts'
import { secretsOf, type WebhookSettings, type WebhookSignature } from './webhook-options.ts'

const METHODS: ReadonlySet<string> = new Set(['POST', 'PUT'])

/**
 * Looks at all of a request but its body.
 *
 * W1. On loopback a request names this machine as its host, so that no page of another site can come
 *     in under a name of its own (DNS rebinding).
 * W2. What a browser sends for a page is refused: pages are not senders of webhooks.
 *
 * @throws Refusal
 */
export const checkHead = (request: IncomingMessage, settings: WebhookSettings): void => {
  const { headers, method = '', url = '' } = request
  if (settings.hosts !== null && !settings.hosts.has(hostName(headers.host ?? ''))) {
    throw new Refusal(403, 'The Host header names a host that is not answered here.')
  }
  const site = headers['sec-fetch-site']
  if (headers.origin !== undefined || (site !== undefined && site !== 'none')) {
    throw new Refusal(403, 'Pages in browsers are not answered.')
  }
  if (url.split('?', 1)[0] !== settings.path) throw new Refusal(404, 'There is nothing here.')
  if (!METHODS.has(method)) throw new Refusal(405, 'Send a POST.', { Allow: 'POST, PUT' })
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw new Refusal(415, 'Send the body as it is, without a Content-Encoding.')
  }
  if (Number(headers['content-length'] ?? 0) > settings.maxBody) throw tooLarge(settings.maxBody)
}

export const tooLarge = (maxBody: number): Refusal =>
  new Refusal(413, `A body may have ${maxBody} bytes at most.`)

/** @throws Refusal where the header is no hash of these bytes with any of the secrets */
export const checkSignature = (
  headers: IncomingMessage['headers'],
  body: Uint8Array,
  signature: WebhookSignature,
): void => {
  const { header, secret, algorithm = 'sha256', encoding = 'hex', prefix = '' } = signature
  const value = headers[header.toLowerCase()]
  const given =
    typeof value === 'string' && value.startsWith(prefix) ? value.slice(prefix.length) : ''
  const normal = encoding === 'hex' ? given.toLowerCase() : given
  let isSigned = false
  for (const each of secretsOf(secret)) {
    const expected = createHmac(algorithm, each).update(body).digest(encoding)
    if (timingSafeEqual(digest(normal), digest(expected))) isSigned = true
  }
  if (!isSigned) throw new Refusal(401, `The header ${header} does not sign this body.`)
}

/** Of one length, so that they can be compared in the same time whatever was sent. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** `127.0.0.1` of `127.0.0.1:3030`, `::1` of `[::1]:3030`. */
const hostName = (host: string): string =>
  (
    /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::\d+)?$/i.exec(host)?.slice(1).find(Boolean) ?? ''
  ).toLowerCase()
