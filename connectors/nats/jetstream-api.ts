import { ConnectorError } from '../../lib/errors/errors.ts'
import type { HeaderPairs, Incoming, Wire } from './wire.ts'

/** What a writer is told whose expectation of a sequence does not hold. */
export const WRONG_LAST_SEQUENCE = 10071
/** The same, of the last message's id. */
export const WRONG_LAST_ID = 10070
const STREAM_NOT_FOUND = 10059
const NO_MESSAGE = 10037
const CONSUMER_NOT_FOUND = 10014
const NOT_ENABLED: ReadonlySet<number> = new Set([10039, 10076])
const QUEUE_TAKEN: ReadonlySet<number> = new Set([10099, 10100])
const NO_RESPONDERS = 503

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** What JetStream refused, by its number: the cause of an error of ours. */
class Refusal extends Error {
  readonly number: number

  constructor(description: string, number: number) {
    super(description)
    this.number = number
  }
}

/** What is of interest of a stream. */
export interface StreamFacts {
  readonly name: string
  /** When it was made: another one under its name was made at another time. */
  readonly created: string
  readonly first: number
  readonly last: number
  readonly retention: string
  readonly perSubject: number
  readonly allowsAtomic: boolean
}

/** A stored message. */
export interface StoredMessage {
  readonly sequence: number
  /** Epoch milliseconds. */
  readonly timestamp: number
  readonly data: Uint8Array
}

/**
 * JetStream, by its own protocol: JSON asked and answered on subjects.
 *
 * Everything here is answered by a stream's leader, never by a replica that may lag behind.
 */
export class JetStream {
  readonly wire: Wire

  constructor(wire: Wire) {
    this.wire = wire
  }

  /** @throws ConnectorError where the server, or this account, has no JetStream */
  async check(): Promise<void> {
    const answer = await this.wire.request('$JS.API.INFO', new Uint8Array())
    if (answer.status !== NO_RESPONDERS) {
      const refusal = errorIn(jsonOf(answer))
      if (refusal === null || !NOT_ENABLED.has(refusalOf(refusal) ?? 0)) return
    }
    throw new ConnectorError(
      'The NATS server runs without JetStream for this account. Start it with `nats-server -js`, or put `jetstream {}` into its configuration.',
    )
  }

  async stream(name: string): Promise<StreamFacts> {
    try {
      return streamFacts(await this.#ask(`STREAM.INFO.${token(name)}`, {}))
    } catch (error) {
      if (!isRefusal(error, STREAM_NOT_FOUND)) throw error
      throw new ConnectorError(
        `There is no JetStream stream "${name}". Make it, for example with \`nats stream add ${name}\`, or name another.`,
        { cause: error },
      )
    }
  }

  /** The name of the stream that takes a subject. */
  async streamOf(subject: string): Promise<string> {
    const { streams } = await this.#ask('STREAM.NAMES', { subject })
    const [name] = Array.isArray(streams) ? streams : []
    if (typeof name === 'string') return name
    throw new ConnectorError(
      `No JetStream stream takes the subject "${subject}". Make one, for example with \`nats stream add\`, or write to another subject.`,
    )
  }

  /** Makes a stream, unless one with its name is there. */
  async ensureStream(config: Readonly<Record<string, unknown>>): Promise<void> {
    const name = String(config['name'])
    try {
      await this.stream(name)
    } catch (error) {
      if (!isRefusal(error, STREAM_NOT_FOUND)) throw error
      await this.#ask(`STREAM.CREATE.${token(name)}`, config)
    }
  }

  /** The last message of a subject, or the message of a sequence; `null` where there is none. */
  async message(
    stream: string,
    which: { readonly last_by_subj: string } | { readonly seq: number },
  ): Promise<StoredMessage | null> {
    try {
      const { message } = await this.#ask(`STREAM.MSG.GET.${token(stream)}`, which)
      const { seq, time, data } = message as Record<string, unknown>
      return {
        sequence: Number(seq),
        timestamp: Date.parse(String(time)),
        data: Buffer.from(typeof data === 'string' ? data : '', 'base64'),
      }
    } catch (error) {
      if (isRefusal(error, NO_MESSAGE)) return null
      throw error
    }
  }

  /** Stores a message and resolves with its sequence. */
  async store(subject: string, data: Uint8Array, headers: HeaderPairs): Promise<number> {
    const answer = await this.wire.request(subject, data, headers)
    return storedAt(answer, subject)
  }

  /** Resolves with the name of the stream's consumer and the number of messages it has. */
  async addConsumer(
    stream: string,
    config: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly pending: number; readonly filters: unknown }> {
    const name = String(config['name'])
    try {
      const made = await this.#ask(`CONSUMER.CREATE.${token(stream)}.${name}`, {
        stream_name: stream,
        config,
      })
      const filters = (made['config'] as Record<string, unknown>)['filter_subjects']
      return { pending: Number(made['num_pending'] ?? 0), filters }
    } catch (error) {
      if (!QUEUE_TAKEN.has(refusalOf(error) ?? 0)) throw error
      throw new ConnectorError(
        `Another consumer reads the work queue "${stream}", or the same subjects of it. Remove it, or give each a filter of its own.`,
        { cause: error },
      )
    }
  }

  /** Whether it was there. */
  async removeConsumer(stream: string, name: string): Promise<boolean> {
    try {
      await this.#ask(`CONSUMER.DELETE.${token(stream)}.${name}`, {})
      return true
    } catch (error) {
      if (isRefusal(error, CONSUMER_NOT_FOUND) || isRefusal(error, STREAM_NOT_FOUND)) return false
      throw error
    }
  }

  async consumers(stream: string): Promise<readonly string[]> {
    const names: string[] = []
    for (;;) {
      const asked = { offset: names.length }
      const { consumers, total } = await this.#ask(`CONSUMER.NAMES.${token(stream)}`, asked)
      const some = Array.isArray(consumers) ? consumers.map(String) : []
      names.push(...some)
      if (some.length === 0 || names.length >= Number(total)) return names
    }
  }

  async #ask(
    what: string,
    question: Readonly<Record<string, unknown>>,
  ): Promise<Record<string, unknown>> {
    const answer = await this.wire.request(
      `$JS.API.${what}`,
      encoder.encode(JSON.stringify(question)),
    )
    if (answer.status === NO_RESPONDERS) throw noAnswer()
    const json = jsonOf(answer)
    const refusal = errorIn(json)
    if (refusal !== null) throw refusal
    return json
  }
}

/** The sequence that an answer to a stored message names. */
export const storedAt = (answer: Incoming, subject: string): number => {
  if (answer.status === NO_RESPONDERS) throw noAnswer(subject)
  const json = jsonOf(answer)
  const refusal = errorIn(json)
  if (refusal !== null) throw refusal
  return Number(json['seq'])
}

/** While a cluster elects a leader nobody answers; nor where no stream takes the subject. */
const noAnswer = (subject?: string): ConnectorError =>
  new ConnectorError(
    subject === undefined
      ? 'JetStream does not answer.'
      : `No JetStream stream answers for the subject "${subject}".`,
    { retryable: true },
  )

/** The number of what JetStream refused; `null` for any other failure. */
export const refusalOf = (error: unknown): number | null => {
  if (error instanceof Refusal) return error.number
  return error instanceof ConnectorError ? refusalOf(error.cause) : null
}

const isRefusal = (error: unknown, number: number): error is ConnectorError =>
  refusalOf(error) === number

const jsonOf = ({ data }: Incoming): Record<string, unknown> => {
  try {
    const json: unknown = JSON.parse(decoder.decode(data))
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw new ConnectorError('JetStream gave an answer that is not one of its own.')
}

const errorIn = ({ error }: Record<string, unknown>): ConnectorError | null => {
  if (typeof error !== 'object' || error === null) return null
  const { code, err_code: number, description } = error as Record<string, unknown>
  return new ConnectorError(`JetStream: ${String(description)} (${String(number)}).`, {
    cause: new Refusal(String(description), Number(number)),
    retryable: code === NO_RESPONDERS,
  })
}

/** A name that would be more than one token of a subject would ask for something else. */
const token = (name: string): string => {
  if (/^[^\s.*>/\\]+$/.test(name)) return name
  throw new ConnectorError(`"${name}" can't be the name of a JetStream stream.`)
}

const streamFacts = (info: Record<string, unknown>): StreamFacts => {
  const config = info['config'] as Record<string, unknown>
  const state = info['state'] as Record<string, unknown>
  return {
    name: String(config['name']),
    created: String(info['created']),
    first: Number(state['first_seq']),
    last: Number(state['last_seq']),
    retention: String(config['retention']),
    perSubject: Number(config['max_msgs_per_subject'] ?? -1),
    allowsAtomic: config['allow_atomic'] === true,
  }
}
