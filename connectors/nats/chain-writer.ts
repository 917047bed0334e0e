import { randomBytes } from 'node:crypto'
import { ConnectorError } from '../../lib/errors/errors.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import {
  type JetStream,
  refusalOf,
  storedAt,
  WRONG_LAST_ID,
  WRONG_LAST_SEQUENCE,
} from './jetstream-api.ts'
import type { Outgoing } from './payload.ts'
import type { HeaderPairs, Incoming } from './wire.ts'

/** What lies at the server unanswered. */
const WINDOW = 256
const WINDOW_BYTES = 4 * 1024 * 1024
/** The most that one atomic batch takes. */
const ATOMIC = 1000
const ATOMIC_BYTES = 16 * 1024 * 1024
const ANSWER_WITHIN = 5000
const DUPLICATE_IN_BATCH = 10201

/** A message and the id under which it is stored once. */
export interface Identified extends Outgoing {
  readonly id: string
}

/** How far a chain came. */
export interface Written {
  readonly count: number
  /** The sequence of the last message of it. */
  readonly last: number
}

/**
 * Writes messages as a chain: the first is taken only at the end of the stream that the writer knows,
 * each that follows only right behind the one before, which its id tells: a sequence alone could be
 * that of somebody else's message. So a prefix is stored and nothing behind a gap, whatever is lost on the way; and a writer
 * whose knowledge of the stream is old stores nothing.
 */
export class ChainWriter {
  readonly #js: JetStream
  readonly #stream: string
  readonly #atomic: boolean
  readonly #runtime: Runtime

  constructor(
    js: JetStream,
    ends: { readonly stream: string; readonly atomic: boolean; readonly runtime: Runtime },
  ) {
    this.#js = js
    this.#stream = ends.stream
    this.#atomic = ends.atomic
    this.#runtime = ends.runtime
  }

  /**
   * Writes messages behind the sequence `last`, as many as one window takes.
   *
   * @throws ConnectorError when one was refused for good, or the answer did not come
   */
  async write(messages: readonly Identified[], last: number): Promise<Written> {
    if (!this.#atomic) return this.#writeWindow(windowOf(messages, WINDOW, WINDOW_BYTES), last)
    const batch = windowOf(messages, ATOMIC, ATOMIC_BYTES)
    try {
      return await this.#writeBatch(batch, last)
    } catch (error) {
      // Some of it was stored and has left the stream since: one by one, each is told of by itself.
      if (refusalOf(error) !== DUPLICATE_IN_BATCH) throw error
      return this.#writeWindow(windowOf(messages, WINDOW, WINDOW_BYTES), last)
    }
  }

  async #writeWindow(messages: readonly Identified[], last: number): Promise<Written> {
    const answers = await this.#exchange(messages, (_, at) => [
      ['Nats-Expected-Last-Sequence', String(last + at)],
      ...(at === 0 ? [] : ([['Nats-Expected-Last-Msg-Id', messages[at - 1]?.id ?? '']] as const)),
    ])
    let written: Written = { count: 0, last }
    for (const [at, answer] of answers.entries()) {
      const sequence = this.#sequenceOf(answer, messages[at] as Identified)
      if (sequence === null) break
      // One that was there before keeps its old place; the chain goes on from the stream's end.
      written = { count: at + 1, last: Math.max(written.last, sequence) }
    }
    return written
  }

  /** All of them or none, in the eyes of readers too. */
  async #writeBatch(messages: readonly Identified[], last: number): Promise<Written> {
    const batch = randomBytes(12).toString('hex')
    const answers = await this.#exchange(messages, (_, at) => [
      ['Nats-Batch-Id', batch],
      ['Nats-Batch-Sequence', String(at + 1)],
      ...(at === 0 ? ([['Nats-Expected-Last-Sequence', String(last)]] as const) : []),
      ...(at === messages.length - 1 ? ([['Nats-Batch-Commit', '1']] as const) : []),
    ])
    for (const [at, answer] of answers.entries()) {
      if (answer.data.length === 0 && answer.status === 0) continue
      const sequence = this.#sequenceOf(answer, messages[at] as Identified)
      if (sequence === null) return { count: 0, last }
      if (at === messages.length - 1) return { count: messages.length, last: sequence }
    }
    throw unanswered(this.#stream)
  }

  /** `null` when the stream's end was another than the writer believed. */
  #sequenceOf(answer: Incoming, { subject }: Identified): number | null {
    try {
      return storedAt(answer, subject)
    } catch (error) {
      const number = refusalOf(error)
      if (number === WRONG_LAST_SEQUENCE || number === WRONG_LAST_ID) return null
      throw error
    }
  }

  /** Sends all and resolves with the answers, in the order of the messages. */
  #exchange(
    messages: readonly Identified[],
    headersOf: (message: Identified, at: number) => HeaderPairs,
  ): Promise<readonly Incoming[]> {
    const { wire } = this.#js
    const inbox = wire.inbox()
    const answers = new Map<number, Incoming>()
    return new Promise((resolve, reject) => {
      const finish = (error: unknown): void => {
        subscription.end()
        state.end()
        denied.end()
        timer.cancel()
        if (error !== null) return reject(error)
        resolve(messages.map((_, at) => answers.get(at) as Incoming))
      }
      const subscription = wire.subscribe(`${inbox}.*`, (answer) => {
        answers.set(Number(answer.subject.slice(inbox.length + 1)), answer)
        if (answers.size === messages.length) finish(null)
      })
      const state = wire.onState(() => finish(unanswered(this.#stream)))
      const denied = wire.onDenied(({ subject, failure }) => {
        const isOurs = subject === `${inbox}.*` || messages.some((each) => each.subject === subject)
        if (isOurs) finish(failure)
      })
      const timer = this.#runtime.after(ANSWER_WITHIN, () => finish(unanswered(this.#stream)))
      if (wire.state !== 'up') return finish(unanswered(this.#stream))
      try {
        for (const [at, message] of messages.entries()) {
          wire.publish(message.subject, message.data, {
            reply: `${inbox}.${at}`,
            headers: [
              ...message.headers,
              ['Nats-Msg-Id', message.id],
              ['Nats-Expected-Stream', this.#stream],
              ...headersOf(message, at),
            ],
          })
        }
      } catch (error) {
        finish(error)
      }
    })
  }
}

const windowOf = (
  messages: readonly Identified[],
  most: number,
  mostBytes: number,
): readonly Identified[] => {
  let bytes = 0
  let count = 0
  while (count < messages.length && count < most) {
    bytes += messages[count]?.data.length ?? 0
    if (count > 0 && bytes > mostBytes) break
    count += 1
  }
  return messages.slice(0, count)
}

const unanswered = (stream: string): ConnectorError =>
  new ConnectorError(`The stream "${stream}" gave no answer; the connection to NATS broke.`, {
    retryable: true,
  })
