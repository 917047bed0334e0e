import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { shownUrl } from '../shown-url.ts'

/** Statuses after which trying again may help (RFC 9110, RFC 6585, RFC 8470). */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429])
/** A server may not ask for more: milliseconds. */
const LONGEST_WAIT = 300_000

export const isPassing = (status: number): boolean => status >= 500 || PASSING.has(status)

/** Milliseconds that a Retry-After header asks for: seconds or a date (RFC 9110, 10.2.3). */
export const retryAfter = (headers: Headers, now: number): number => {
  const value = headers.get('retry-after')?.trim() ?? ''
  const millis = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isFinite(millis) ? Math.min(Math.max(0, millis), LONGEST_WAIT) : 0
}

/** @throws BuildError for what is no address, or holds a password */
export const checkedUrl = (url: string): string => {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new BuildError('url must be an address that begins with http:// or https://.')
  }
  if (parsed.username === '' && parsed.password === '') return url
  throw new BuildError(
    'url must not hold a user or password: put them into `headers`, as Authorization.',
  )
}

/** Node keeps the reason of a failed `fetch` in its cause. */
export const callFailed = (url: string, error: unknown): ConnectorError => {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const reason = inner instanceof Error && inner.message !== '' ? inner.message : String(inner)
  return new ConnectorError(`${shownUrl(url)} can't be reached: ${reason}.`, {
    cause: error,
    retryable: true,
  })
}

export const refused = (url: string, status: number, more = ''): ConnectorError =>
  new ConnectorError(
    `${shownUrl(url)} answered ${status}${more === '' ? '' : `: ${more}`}. ${isPassing(status) ? 'Trying again may help.' : 'Look at `url`, `headers` and what is sent.'}`,
    { retryable: isPassing(status) },
  )

/** Bytes of an answer, up to a limit. */
export const readLimited = async (
  response: Response,
  limit: number,
  url: string,
): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  let size = 0
  // A body that is left early is given up with its connection.
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > limit) {
      throw new ConnectorError(
        `${shownUrl(url)} answered with more than ${limit} bytes. If answers may be that long, raise \`maxBody\`.`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}
