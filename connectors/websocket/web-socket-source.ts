/**
 * Reads the messages of a WebSocket.
 *
 * - **Partitions**: none: one worker reads.
 * - **Position**: none; a WebSocket keeps nothing.
 * - **Delivery**: at most once. What is sent while the flow or the connection is down is lost, and so
 *   is what was read and not committed when the flow fails.
 * - **Back-pressure**: the socket stands still while the buffer is full, or messages are dropped as told.
 * - **Needs**: the package `ws`.
 */
import type { Buffer } from 'node:buffer'
import { BuildError } from '../../lib/errors/errors.ts'
import { durationOption, positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { DynamicSource, EOF, type Polled, StatelessSourcePartition } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { DurationLike } from '../../lib/time/time.ts'
import { Feed, type FeedSettings } from './feed.ts'

export type WebSocketMessage = string | Uint8Array

export interface WebSocketSourceOptions<T> {
  /** `wss://host/path`. */
  readonly url: string
  readonly protocols?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  /** Sent whenever it has connected; a function is asked each time. */
  readonly subscribe?:
    | WebSocketMessage
    | readonly WebSocketMessage[]
    | (() => WebSocketMessage | readonly WebSocketMessage[])
  /** The item of a message. @defaultValue its bytes as UTF-8 text */
  readonly decode?: (data: Uint8Array, isBinary: boolean) => T
  /** What happens when the buffer is full: the socket stands still, or messages are dropped. @defaultValue `pause` */
  readonly overflow?: 'pause' | 'error' | 'dropOldest' | 'dropNewest'
  /** Messages that may wait. @defaultValue 10000 */
  readonly buffer?: number
  /** Bytes of messages that may wait. @defaultValue 16 MiB */
  readonly bufferBytes?: number
  /** Bytes of a message at most. @defaultValue 1 MiB */
  readonly maxPayload?: number
  /** How often the server is pinged; one that is silent until the next ping is left. @defaultValue 15 s */
  readonly pingEvery?: DurationLike
  /** How long connecting may take. @defaultValue 10 s */
  readonly timeout?: DurationLike
  /** The first wait before it connects again. @defaultValue 500 ms */
  readonly reconnect?: DurationLike
  /** The longest wait. @defaultValue 30 s */
  readonly maxBackoff?: DurationLike
  /** Whether a server that closes as usual (1000) ends the source. @defaultValue false: it connects again */
  readonly endOnClose?: boolean
  /** Items of one batch at most. @defaultValue 1000 */
  readonly batchSize?: number
}

const MEBIBYTE = 1024 * 1024
const OVERFLOWS: readonly unknown[] = ['pause', 'error', 'dropOldest', 'dropNewest']

/**
 * Gives the messages that a server sends, from when the flow has begun, at most once. A connection that
 * breaks or falls silent is made again, later and later, for as long as it takes.
 *
 * If the first connection can't be made, or the server refuses one for good, the flow fails.
 *
 * @throws BuildError for options that can't work, ConnectorError as told, or for a message that is too
 * long or can't be decoded
 *
 * @example
 * ```ts
 * flow.input('trades', new WebSocketSource({ url: 'wss://example.com/feed', subscribe: '{"op":"trades"}' }))
 * ```
 */
export class WebSocketSource<T = string> extends DynamicSource<T> {
  readonly #settings: FeedSettings
  readonly #decode: (data: Buffer, isBinary: boolean) => T
  readonly #batchSize: number
  #runtime: Runtime = systemRuntime

  constructor(options: WebSocketSourceOptions<T>) {
    super()
    const { overflow = 'pause', subscribe = [] } = options
    if (!OVERFLOWS.includes(overflow)) {
      throw new BuildError(`overflow is one of ${OVERFLOWS.join(', ')}; got ${String(overflow)}.`)
    }
    this.#decode = options.decode ?? ((data) => data.toString() as T)
    this.#batchSize = positiveCount('batchSize', options.batchSize ?? 1000)
    this.#settings = {
      url: checkedUrl(options.url),
      protocols: options.protocols ?? [],
      headers: options.headers ?? {},
      subscribe: () => listOf(typeof subscribe === 'function' ? subscribe() : subscribe),
      overflow,
      items: positiveCount('buffer', options.buffer ?? 10_000),
      bytes: positiveCount('bufferBytes', options.bufferBytes ?? 16 * MEBIBYTE),
      maxPayload: positiveCount('maxPayload', options.maxPayload ?? MEBIBYTE),
      pingEvery: durationOption('pingEvery', options.pingEvery ?? 15_000),
      timeout: durationOption('timeout', options.timeout ?? 10_000),
      reconnect: durationOption('reconnect', options.reconnect ?? 500),
      maxBackoff: durationOption('maxBackoff', options.maxBackoff ?? 30_000),
      endOnClose: options.endOnClose ?? false,
    }
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override async build(_stepId: string, workerIndex: number): Promise<StatelessSourcePartition<T>> {
    if (workerIndex > 0) return new NothingToRead()
    const feed = new Feed(this.#settings, { runtime: this.#runtime, decode: this.#decode })
    await feed.open()
    return new FeedPartition(feed, this.#batchSize)
  }
}

class NothingToRead<T> extends StatelessSourcePartition<T> {
  override nextBatch(): Polled<T> {
    return EOF
  }
}

class FeedPartition<T> extends StatelessSourcePartition<T> {
  readonly #feed: Feed<T>
  readonly #batchSize: number

  constructor(feed: Feed<T>, batchSize: number) {
    super()
    this.#feed = feed
    this.#batchSize = batchSize
  }

  override nextBatch(): Polled<T> | Promise<Polled<T>> {
    return this.#feed.arrivals.next(this.#batchSize)
  }

  override close(): Promise<void> {
    return this.#feed.close()
  }
}

const listOf = (
  messages: WebSocketMessage | readonly WebSocketMessage[],
): readonly WebSocketMessage[] =>
  typeof messages === 'string' || messages instanceof Uint8Array ? [messages] : messages

const checkedUrl = (url: string): string => {
  if (URL.canParse(url) && /^wss?:$/.test(new URL(url).protocol)) return url
  throw new BuildError('url must be an address that begins with ws:// or wss://.')
}
