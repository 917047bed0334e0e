import { BuildError } from '../../lib/errors/errors.ts'
import { durationOption, positiveCount } from '../../lib/flow/options.ts'
import type { DurationLike } from '../../lib/time/time.ts'

/** A keyed hash over the raw body, which the sender puts into a header. */
export interface WebhookSignature {
  /** The header, for example `x-hub-signature-256`. */
  readonly header: string
  /** What both sides know; several while one takes the place of another. */
  readonly secret: string | Uint8Array | readonly (string | Uint8Array)[]
  /** @defaultValue `sha256` */
  readonly algorithm?: 'sha1' | 'sha256' | 'sha384' | 'sha512'
  /** @defaultValue `hex` */
  readonly encoding?: 'hex' | 'base64'
  /** What stands before the hash, for example `sha256=`. @defaultValue nothing */
  readonly prefix?: string
}

/** How requests that say who they are are known again. */
export interface WebhookDedupe {
  /** The header with the request's own id. */
  readonly header: string
  /** How many ids are kept, in memory and in the snapshot. @defaultValue 1000 */
  readonly remember?: number
}

export interface WebhookOptions {
  /** 0 takes one that is free; `source.url` tells. */
  readonly port: number
  /** Other paths are not found. @defaultValue `/` */
  readonly path?: string
  /** The address to listen at. @defaultValue `127.0.0.1` */
  readonly host?: string
  /** Names in the Host header that are answered. @defaultValue on loopback those of this machine, else all */
  readonly hosts?: readonly string[]
  /** When a request is answered: taken into memory, or its epoch durable. @defaultValue `accepted` */
  readonly ack?: 'accepted' | 'committed'
  /** How long an answer waits for the commit. @defaultValue 30 s */
  readonly commitTimeout?: DurationLike
  /** What a body is. @defaultValue `auto`: as its Content-Type says */
  readonly format?: 'auto' | 'json' | 'ndjson' | 'text' | 'bytes'
  /** @defaultValue none: everybody who reaches the port may send */
  readonly signature?: WebhookSignature
  /** @defaultValue none: what is sent twice is taken twice */
  readonly dedupe?: WebhookDedupe
  /** Bytes of a body at most. @defaultValue 1 MiB */
  readonly maxBody?: number
  /** Requests that may wait for the flow. @defaultValue 10000 */
  readonly buffer?: number
  /** Bytes of bodies that may wait or be on their way. @defaultValue 16 MiB */
  readonly bufferBytes?: number
  /** Requests whose answer may wait for a commit. @defaultValue 10000 */
  readonly maxUncommitted?: number
  /** Connections at a time. @defaultValue 1000 */
  readonly connections?: number
  /** How long a request may take to arrive. @defaultValue 10 s */
  readonly requestTimeout?: DurationLike
  /** Requests of one batch at most. @defaultValue 1000 */
  readonly batchSize?: number
}

/** All of them checked and filled in; lengths of time in milliseconds. */
export interface WebhookSettings {
  readonly port: number
  readonly path: string
  readonly host: string
  readonly hosts: ReadonlySet<string> | null
  readonly ack: 'accepted' | 'committed'
  readonly commitTimeout: number
  readonly format: 'auto' | 'json' | 'ndjson' | 'text' | 'bytes'
  readonly signature: WebhookSignature | null
  readonly dedupe: Required<WebhookDedupe> | null
  readonly maxBody: number
  readonly buffer: number
  readonly bufferBytes: number
  readonly maxUncommitted: number
  readonly connections: number
  readonly requestTimeout: number
  readonly batchSize: number
}

const LOOPBACK = '127.0.0.1'
const LAST_PORT = 65_535
const MEBIBYTE = 1024 * 1024
const HEADER = /^[\w!#$%&'*+.^`|~-]+$/
const FORMATS: readonly unknown[] = ['auto', 'json', 'ndjson', 'text', 'bytes']
const ALGORITHMS: readonly unknown[] = ['sha1', 'sha256', 'sha384', 'sha512']

/** @throws BuildError for an option that can't work */
export const webhookSettings = (options: WebhookOptions): WebhookSettings => {
  const { port, path = '/', host = LOOPBACK, ack = 'accepted', format = 'auto' } = options
  checkWords({ port, path, ack, format })
  return {
    port,
    path,
    host,
    hosts: hostsOf(host, options.hosts),
    ack,
    format,
    signature: options.signature === undefined ? null : checkedSignature(options.signature),
    dedupe: options.dedupe === undefined ? null : checkedDedupe(options.dedupe),
    ...limitsOf(options),
  }
}

const checkWords = ({
  port,
  path,
  ack,
  format,
}: Pick<WebhookSettings, 'port' | 'path' | 'ack' | 'format'>): void => {
  if (!(Number.isInteger(port) && port >= 0 && port <= LAST_PORT)) {
    throw new BuildError(`port must be a number from 0 to ${LAST_PORT}; got ${String(port)}.`)
  }
  if (!/^\/[^?#\s]*$/.test(path)) {
    throw new BuildError(`path must begin with "/" and have no "?" in it; got "${path}".`)
  }
  if (ack !== 'accepted' && ack !== 'committed') {
    throw new BuildError(`ack is 'accepted' or 'committed'; got ${String(ack)}.`)
  }
  if (!FORMATS.includes(format)) {
    throw new BuildError(`format is one of ${FORMATS.join(', ')}; got ${String(format)}.`)
  }
}

const LIMITS = {
  maxBody: MEBIBYTE,
  buffer: 10_000,
  bufferBytes: 16 * MEBIBYTE,
  maxUncommitted: 10_000,
  connections: 1000,
  batchSize: 1000,
}

const limitsOf = (
  options: WebhookOptions,
): typeof LIMITS & { readonly commitTimeout: number; readonly requestTimeout: number } => {
  const count = (name: keyof typeof LIMITS): number =>
    positiveCount(name, options[name] ?? LIMITS[name])
  return {
    maxBody: count('maxBody'),
    buffer: count('buffer'),
    bufferBytes: count('bufferBytes'),
    maxUncommitted: count('maxUncommitted'),
    connections: count('connections'),
    batchSize: count('batchSize'),
    commitTimeout: durationOption('commitTimeout', options.commitTimeout ?? 30_000),
    requestTimeout: durationOption('requestTimeout', options.requestTimeout ?? 10_000),
  }
}

const hostsOf = (
  host: string,
  hosts: readonly string[] | undefined,
): ReadonlySet<string> | null => {
  if (hosts !== undefined) return new Set(hosts.map((name) => name.toLowerCase()))
  return isLoopback(host) ? new Set([host.toLowerCase(), 'localhost', LOOPBACK, '::1']) : null
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

const checkedSignature = (signature: WebhookSignature): WebhookSignature => {
  const { header, secret, algorithm = 'sha256', encoding = 'hex' } = signature
  checkHeader('signature.header', header)
  const secrets = secretsOf(secret)
  if (secrets.length === 0 || secrets.some(({ length }) => length === 0)) {
    throw new BuildError('signature.secret must not be empty: everybody could sign with it.')
  }
  if (!ALGORITHMS.includes(algorithm)) {
    throw new BuildError(`signature.algorithm is one of ${ALGORITHMS.join(', ')}.`)
  }
  if (encoding !== 'hex' && encoding !== 'base64') {
    throw new BuildError("signature.encoding is 'hex' or 'base64'.")
  }
  return signature
}

/** The secrets as a list. */
export const secretsOf = (secret: WebhookSignature['secret']): readonly (string | Uint8Array)[] =>
  typeof secret === 'string' || secret instanceof Uint8Array ? [secret] : secret

const checkedDedupe = ({ header, remember = 1000 }: WebhookDedupe): Required<WebhookDedupe> => {
  checkHeader('dedupe.header', header)
  return { header: header.toLowerCase(), remember: positiveCount('dedupe.remember', remember) }
}

const checkHeader = (option: string, name: string): void => {
  if (!HEADER.test(name)) throw new BuildError(`${option} must be the name of a header.`)
}
