/**
 * Reads a stream of server-sent events.
 *
 * - **Partitions**: one, the address; one worker reads.
 * - **Position**: the id of the last event handed over, sent as Last-Event-ID.
 * - **Delivery**: exactly once as far as the server sends again what came behind an id; events without
 *   ids, and servers that do not look at them, at most once.
 * - **Back-pressure**: the stream is not read while the buffer is full.
 * - **Needs**: nothing beside Tidemark's own dependencies.
 */
import { durationOption, positiveCount } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import {
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
} from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { DurationLike } from '../../lib/time/time.ts'
import { shownUrl } from '../shown-url.ts'
import { checkedUrl } from './exchange.ts'
import { SseConnection, type SseSettings } from './sse-connection.ts'

/** An event; its id is that of the last event that had one. */
export interface SseEvent {
  readonly id: string
  readonly event: string
  readonly data: string
}

/** The id of the last event handed over; empty where none had one. */
export interface SsePosition {
  readonly lastEventId: string
}

export interface SseSourceOptions {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** The first wait before it connects again; the server's `retry:` takes its place. @defaultValue 1 s */
  readonly reconnect?: DurationLike
  /** The longest wait. @defaultValue 30 s */
  readonly maxBackoff?: DurationLike
  /** A stream that is silent for so long, comments included, is opened anew. @defaultValue 2 min */
  readonly silence?: DurationLike
  /** How long the server may take to answer. @defaultValue 10 s */
  readonly timeout?: DurationLike
  /** Events that may wait. @defaultValue 10000 */
  readonly buffer?: number
  /** Characters of events that may wait. @defaultValue 16 Mi */
  readonly bufferSize?: number
  /** Characters of an event at most. @defaultValue 1 Mi */
  readonly maxEvent?: number
  /** Items of one batch at most. @defaultValue 1000 */
  readonly batchSize?: number
}

const MEBI = 1024 * 1024

/**
 * Gives the events of a stream, and connects again when it ends or breaks, behind the last event that
 * came. A server that answers 204 ends it.
 *
 * If the stream can't be opened when the flow starts, or is refused for good (4xx, another content
 * type), the flow fails.
 *
 * @throws BuildError for options that can't work, ConnectorError as told
 *
 * @example
 * ```ts
 * flow.input('changes', new SseSource({ url: 'https://stream.wikimedia.org/v2/stream/recentchange' }))
 * ```
 */
export class SseSource extends FixedPartitionedSource<SseEvent, SsePosition> {
  readonly #settings: SseSettings
  readonly #batchSize: number
  #runtime: Runtime = systemRuntime

  constructor(options: SseSourceOptions) {
    super()
    this.#batchSize = positiveCount('batchSize', options.batchSize ?? 1000)
    this.#settings = {
      url: checkedUrl(options.url),
      headers: options.headers ?? {},
      reconnect: durationOption('reconnect', options.reconnect ?? 1000),
      maxBackoff: durationOption('maxBackoff', options.maxBackoff ?? 30_000),
      silence: durationOption('silence', options.silence ?? 120_000),
      timeout: durationOption('timeout', options.timeout ?? 10_000),
      items: positiveCount('buffer', options.buffer ?? 10_000),
      size: positiveCount('bufferSize', options.bufferSize ?? 16 * MEBI),
      maxEvent: positiveCount('maxEvent', options.maxEvent ?? MEBI),
    }
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return [shownUrl(this.#settings.url)]
  }

  override buildPart(
    _stepId: string,
    _part: string,
    resume: SsePosition | null,
  ): StatefulSourcePartition<SseEvent, SsePosition> {
    const lastEventId = resume?.lastEventId ?? ''
    return new SsePartition(new SseConnection(this.#settings, this.#runtime, lastEventId), {
      batchSize: this.#batchSize,
      lastEventId,
    })
  }
}

class SsePartition extends StatefulSourcePartition<SseEvent, SsePosition> {
  readonly #connection: SseConnection
  readonly #batchSize: number
  #lastEventId: string

  constructor(
    connection: SseConnection,
    begin: { readonly batchSize: number; readonly lastEventId: string },
  ) {
    super()
    this.#connection = connection
    this.#batchSize = begin.batchSize
    this.#lastEventId = begin.lastEventId
  }

  override nextBatch(): Polled<SseEvent> | Promise<Polled<SseEvent>> {
    const polled = this.#connection.arrivals.next(this.#batchSize)
    return polled instanceof Promise ? polled.then((each) => this.#hand(each)) : this.#hand(polled)
  }

  override snapshot(): SsePosition {
    return { lastEventId: this.#lastEventId }
  }

  override close(): Promise<void> {
    return this.#connection.close()
  }

  #hand(polled: Polled<SseEvent>): Polled<SseEvent> {
    if (typeof polled === 'symbol') return polled
    const events = [...polled]
    this.#lastEventId = events.at(-1)?.id ?? this.#lastEventId
    return events
  }
}
