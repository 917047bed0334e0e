import type { Buffer } from 'node:buffer'
import { Refusal } from './refusal.ts'
import type { WebhookSettings } from './webhook-options.ts'

type Format = Exclude<WebhookSettings['format'], 'auto'>

/** A body that is not what it says. */
export class Malformed {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

const NDJSON: ReadonlySet<string> = new Set([
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonlines',
  'application/json-lines',
])
const FATAL = { fatal: true, ignoreBOM: false } as const
const NEWLINE = 10
/** The name in question, as it is or with letters escaped. */
const SUSPECT = /__proto__|\\u00(?:5f|6f|7[024])/i

/** @throws Refusal for a type that is not read here */
export const formatOf = (
  contentType: string | undefined,
  format: WebhookSettings['format'],
): Format => {
  if (format !== 'auto') return format
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';')
  const name = type.trim()
  const charset = parameters
    .map((each) => /^\s*charset="?([\w-]+)"?\s*$/.exec(each)?.[1])
    .find(Boolean)
  if (
    charset !== undefined &&
    charset !== 'utf-8' &&
    charset !== 'utf8' &&
    charset !== 'us-ascii'
  ) {
    throw new Refusal(415, `Send UTF-8, not ${charset}.`)
  }
  if (name === 'application/json' || name.endsWith('+json')) return 'json'
  if (NDJSON.has(name)) return 'ndjson'
  if (name.startsWith('text/') || name === 'application/x-www-form-urlencoded') return 'text'
  if (name === 'application/octet-stream') return 'bytes'
  throw new Refusal(
    415,
    'Send application/json, application/x-ndjson, text/plain or application/octet-stream.',
  )
}

/** The values that a body holds: one, or one a line. */
export const parseBody = (body: Buffer, format: Format): readonly unknown[] | Malformed => {
  if (format === 'bytes') return [new Uint8Array(body)]
  if (format === 'ndjson') return parseLines(body)
  const parsed = attempt(() =>
    format === 'json' ? parseJson(body) : new TextDecoder('utf-8', FATAL).decode(body),
  )
  return parsed instanceof Malformed ? parsed : [parsed]
}

const attempt = (read: () => unknown): unknown => {
  try {
    return read()
  } catch (cause) {
    return new Malformed(reasonOf(cause))
  }
}

const parseLines = (body: Buffer): readonly unknown[] | Malformed => {
  const values: unknown[] = []
  for (let from = 0, line = 1; from < body.length; line += 1) {
    const newline = body.indexOf(NEWLINE, from)
    const until = newline < 0 ? body.length : newline
    const text = body.subarray(from, until)
    from = until + 1
    if (text.every((byte) => byte === 13 || byte === 32 || byte === 9)) continue
    const parsed = attempt(() => parseJson(text))
    if (parsed instanceof Malformed) return new Malformed(`line ${line}: ${parsed.reason}`)
    values.push(parsed)
  }
  return values
}

const parseJson = (bytes: Uint8Array): unknown => {
  const text = new TextDecoder('utf-8', FATAL).decode(bytes)
  return SUSPECT.test(text) ? JSON.parse(text, withoutPrototypes) : JSON.parse(text)
}

const withoutPrototypes = (name: string, value: unknown): unknown =>
  name === '__proto__' ? undefined : value

/** The engine's message may quote what was sent; only its kind is told. */
const reasonOf = (cause: unknown): string =>
  cause instanceof SyntaxError ? 'it is not JSON' : 'it is not UTF-8'
