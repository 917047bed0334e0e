import { ConnectorError } from '../../lib/errors/errors.ts'
import { EOF, type Polled, StatefulSourcePartition } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { Backoff, pause } from '../backoff.ts'
import type { Connection } from './driver.ts'
import type { RedisEntry } from './redis-stream-source.ts'

/** The id of the last entry handed over; `0-0` before the first. */
export interface RedisStreamPosition {
  readonly id: string
}

interface Reading<V> {
  readonly stream: string
  readonly tail: boolean
  readonly start: string
  readonly value: (bytes: Uint8Array, field: string) => V
  readonly batchSize: number
  readonly runtime: Runtime
}

const BEFORE_ALL = '0-0'
/** How long Redis waits for an entry before it says that there is none: milliseconds. */
const BLOCK = 2000
const SHORTEST_PAUSE = 50
const LONGEST_PAUSE = 5000

/** One stream that is read. */
export class RedisStreamPartition<V> extends StatefulSourcePartition<
  RedisEntry<V>,
  RedisStreamPosition
> {
  readonly #connection: Connection
  readonly #reading: Reading<V>
  readonly #backoff: Backoff
  readonly #closing = new AbortController()
  /** The last id to read, where it ends. */
  readonly #until: string | null
  #id: string
  /** The connection broke: the stream may be another one. */
  #suspect = false

  private constructor(
    connection: Connection,
    reading: Reading<V>,
    ends: { readonly id: string; readonly until: string | null },
  ) {
    super()
    this.#connection = connection
    this.#reading = reading
    this.#id = ends.id
    this.#until = ends.until
    this.#backoff = new Backoff(reading.runtime, {
      shortest: SHORTEST_PAUSE,
      longest: LONGEST_PAUSE,
    })
  }

  static async open<V>(
    connection: Connection,
    reading: Reading<V>,
    resume: RedisStreamPosition | null,
  ): Promise<RedisStreamPartition<V>> {
    const { stream, start, tail } = reading
    const last = await lastId(connection, stream)
    if (resume !== null) checkSame(stream, resume.id, last)
    const begins = new Map([
      ['earliest', BEFORE_ALL],
      ['latest', last],
    ])
    return new RedisStreamPartition(connection, reading, {
      id: resume?.id ?? begins.get(start) ?? start,
      until: tail ? null : last,
    })
  }

  override async nextBatch(): Promise<Polled<RedisEntry<V>>> {
    if (this.#until !== null && compareIds(this.#id, this.#until) >= 0) return EOF
    try {
      return await this.#next()
    } catch (error) {
      if (this.#closing.signal.aborted) return []
      if (!(error instanceof ConnectorError && error.retryable)) throw error
      this.#suspect = true
      await pause(this.#reading.runtime, this.#backoff.next(), this.#closing.signal)
      return []
    }
  }

  async #next(): Promise<Polled<RedisEntry<V>>> {
    if (this.#suspect) {
      const { stream } = this.#reading
      checkSame(stream, this.#id, await lastId(this.#connection, stream))
      this.#suspect = false
    }
    const entries = await this.#read()
    this.#backoff.reset()
    // Of a stream that ends, nothing is left before the id that was its last.
    return entries.length === 0 && this.#until !== null ? EOF : entries
  }

  override snapshot(): RedisStreamPosition {
    return { id: this.#id }
  }

  override close(): void {
    this.#closing.abort()
    this.#connection.close()
  }

  async #read(): Promise<readonly RedisEntry<V>[]> {
    const { stream, batchSize, tail } = this.#reading
    const wait = tail ? ['BLOCK', BLOCK] : []
    const reply = await this.#connection.call(
      'XREAD',
      'COUNT',
      batchSize,
      ...wait,
      'STREAMS',
      stream,
      this.#id,
    )
    const entries: RedisEntry<V>[] = []
    for (const [id, pairs] of entriesIn(reply)) {
      if (this.#until !== null && compareIds(id, this.#until) > 0) break
      entries.push({ stream, id, fields: this.#fields(pairs) })
    }
    this.#id = entries.at(-1)?.id ?? this.#id
    return entries
  }

  #fields(pairs: readonly Buffer[]): Readonly<Record<string, V>> {
    const fields: [string, V][] = []
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const name = String(pairs[at])
      const bytes = pairs[at + 1]
      if (name === '__proto__' || bytes === undefined) continue
      fields.push([name, this.#reading.value(bytes, name)])
    }
    return Object.fromEntries(fields)
  }
}

type EntryReply = readonly [id: Buffer, pairs: readonly Buffer[] | null]

/** Of one stream: nothing, `[[key, entries]]`, or `[key, entries]` by the newer protocol (RESP3). */
const entriesIn = (reply: unknown): readonly (readonly [string, readonly Buffer[]])[] => {
  if (!Array.isArray(reply)) return []
  const [, entries] = (Array.isArray(reply[0]) ? reply[0] : reply) as readonly unknown[]
  return (entries as readonly EntryReply[]).map(([id, pairs]) => [String(id), pairs ?? []])
}

/** The id of the last entry that was ever added; `0-0` where there is no stream. */
const lastId = async (connection: Connection, stream: string): Promise<string> => {
  try {
    const facts = (await connection.call('XINFO', 'STREAM', stream)) as readonly unknown[]
    const at = facts.findIndex((each) => String(each) === 'last-generated-id')
    return String(facts[at + 1])
  } catch (error) {
    if (error instanceof ConnectorError && /no such key/i.test(error.message)) return BEFORE_ALL
    throw error
  }
}

const checkSame = (stream: string, position: string, last: string): void => {
  if (compareIds(last, position) >= 0) return
  throw new ConnectorError(
    `The stream "${stream}" ends at ${last}, though ${position} was read: it was made anew, or Redis has lost entries. What the flow made of it stands on entries that are gone; restore the stream, or begin anew without this recovery store.`,
  )
}

const compareIds = (a: string, b: string): number => {
  const [aTime = 0n, aNumber = 0n] = a.split('-').map(BigInt)
  const [bTime = 0n, bNumber = 0n] = b.split('-').map(BigInt)
  return order(aTime, bTime) || order(aNumber, bNumber)
}

const order = (a: bigint, b: bigint): number => Number(a > b) - Number(a < b)
