import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { type AvroType, avroType } from './avro-driver.ts'
import { isPassing } from './kafka-error.ts'
import { Pauses } from './pauses.ts'

/** Where the schema registry is, and who we are to it. */
export interface RegistryOptions {
  /** `http://localhost:8081`. */
  readonly url: string
  readonly auth?:
    | { readonly username: string; readonly password: string }
    | { readonly token: string }
  /** Milliseconds for an answer. @defaultValue 10000 */
  readonly timeout?: number
  /** Milliseconds for which a registry that is away is asked again, before the run fails. @defaultValue 120000 */
  readonly patience?: number
  /** Schemas that are kept. @defaultValue 1000 */
  readonly cacheSize?: number
}

const ANSWER_WITHIN = 10_000
const PATIENCE = 120_000
const CACHED = 1000
/** No schema is near as long. */
const ANSWER_BYTES = 4 * 1024 * 1024
const DEPTH = 16
const TYPE = 'application/vnd.schemaregistry.v1+json'

/** A schema that the registry does not know: the message is wrong, not the registry. */
class UnknownSchema extends Error {}

interface Reference {
  readonly subject: string
  readonly version: number
}

/** A Confluent schema registry, by its REST interface; what it has answered is kept. */
export class SchemaRegistry {
  readonly #options: RegistryOptions
  readonly #base: URL
  readonly #kept = new Map<string, Promise<unknown>>()
  readonly #most: number

  constructor(options: RegistryOptions) {
    const { url, timeout = ANSWER_WITHIN, cacheSize = CACHED, patience = PATIENCE } = options
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new BuildError(`A schema registry's url is http:// or https://; got "${url}".`)
    }
    for (const [name, value] of Object.entries({ timeout, cacheSize, patience })) {
      if (!(value > 0)) throw new BuildError(`${name} must be more than 0; got ${value}.`)
    }
    this.#options = options
    this.#base = new URL(url.endsWith('/') ? url : `${url}/`)
    this.#most = cacheSize
  }

  /** @throws Error when the registry knows no such schema, ConnectorError when it can't be asked */
  typeOf(id: number): Promise<AvroType> {
    return this.#keep(`id ${id}`, async () => {
      const answer = await this.#ask(`schemas/ids/${id}`)
      const named = await this.#namedIn(answer, 0)
      return avroType(textIn(answer, 'schema'), named)
    })
  }

  /** The id of a schema under a subject; registered there, if it may be. */
  idOf(subject: string, schema: string, register: boolean): Promise<number> {
    return this.#keep(`${register} ${subject} ${schema}`, async () => {
      const path = `subjects/${encodeURIComponent(subject)}${register ? '/versions' : ''}`
      const { id } = await this.#ask(path, { schema })
      if (typeof id === 'number' && Number.isSafeInteger(id)) return id
      throw new ConnectorError(`The schema registry gave no id for the subject "${subject}".`)
    })
  }

  /** Schemas that one refers to, those that it needs first. */
  async #namedIn(answer: Answer, depth: number): Promise<readonly string[]> {
    const references = referencesIn(answer)
    if (references.length > 0 && depth === DEPTH) {
      throw new ConnectorError(`Schemas refer to one another more than ${DEPTH} deep.`)
    }
    const named: string[] = []
    for (const { subject, version } of references) {
      const found = await this.#ask(`subjects/${encodeURIComponent(subject)}/versions/${version}`)
      named.push(...(await this.#namedIn(found, depth + 1)), textIn(found, 'schema'))
    }
    return [...new Set(named)]
  }

  /** The one that was asked for longest ago goes first; what could not be answered is not kept. */
  #keep<R>(key: string, ask: () => Promise<R>): Promise<R> {
    const kept = this.#kept.get(key) as Promise<R> | undefined
    const answer = kept ?? ask()
    this.#kept.delete(key)
    this.#kept.set(key, answer)
    if (kept !== undefined) return kept
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) break
      this.#kept.delete(oldest)
    }
    answer.catch((error: unknown) => {
      const isFinal = error instanceof UnknownSchema || error instanceof BuildError
      if (!isFinal && this.#kept.get(key) === answer) this.#kept.delete(key)
    })
    return answer
  }

  async #ask(path: string, body?: object): Promise<Answer> {
    const pauses = new Pauses(systemRuntime)
    const begun = systemRuntime.monotonic()
    for (;;) {
      try {
        return await this.#askOnce(path, body)
      } catch (error) {
        const waited = systemRuntime.monotonic() - begun
        if (!isPassing(error) || waited > (this.#options.patience ?? PATIENCE)) throw error
      }
      await pauses.pass()
    }
  }

  async #askOnce(path: string, body: object | undefined): Promise<Answer> {
    const { timeout = ANSWER_WITHIN, auth } = this.#options
    const headers: Record<string, string> = { accept: `${TYPE}, application/json` }
    if (auth !== undefined) headers['authorization'] = authorization(auth)
    if (body !== undefined) headers['content-type'] = TYPE
    try {
      const response = await fetch(new URL(path, this.#base), {
        method: body === undefined ? 'GET' : 'POST',
        headers,
        signal: AbortSignal.timeout(timeout),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return this.#read(path, response.status, await textOf(response))
    } catch (cause) {
      if (cause instanceof ConnectorError || cause instanceof UnknownSchema) throw cause
      const message = cause instanceof Error ? String(cause.cause ?? cause.message) : String(cause)
      throw new ConnectorError(
        `The schema registry at ${this.#base.origin} does not answer: ${message}.`,
        { cause, retryable: true },
      )
    }
  }

  #read(path: string, status: number, text: string): Answer {
    const what = `The schema registry at ${this.#base.origin} answers ${status} to ${path}`
    if (status === 404) throw new UnknownSchema(`${what}: it is not there`)
    if (status < 200 || status > 299) {
      throw new ConnectorError(`${what}: ${text.slice(0, 200)}`, {
        retryable: status >= 500 || status === 429 || status === 408,
      })
    }
    try {
      const answer: unknown = JSON.parse(text)
      if (typeof answer === 'object' && answer !== null) return answer as Answer
    } catch {
      // Told below.
    }
    throw new ConnectorError(`${what} with something that is no JSON object.`)
  }
}

type Answer = Readonly<Record<string, unknown>>

const authorization = (auth: NonNullable<RegistryOptions['auth']>): string =>
  'token' in auth
    ? `Bearer ${auth.token}`
    : `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`

/** The body, unless it is too long to be an answer. */
const textOf = async (response: Response): Promise<string> => {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES) {
      throw new ConnectorError(`The schema registry gave more than ${ANSWER_BYTES} bytes.`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

const textIn = (answer: Answer, name: string): string => {
  const { schemaType } = answer
  if (schemaType !== undefined && schemaType !== 'AVRO') {
    throw new BuildError(`The schema is ${String(schemaType)}, not Avro.`)
  }
  const text = answer[name]
  if (typeof text === 'string') return text
  throw new ConnectorError('The schema registry gave no schema.')
}

const referencesIn = ({ references }: Answer): readonly Reference[] =>
  Array.isArray(references)
    ? references.map((each) => ({ subject: String(each?.subject), version: Number(each?.version) }))
    : []
