/**
 * Reads a JetStream stream of NATS.
 *
 * - **Partitions**: one; or n, each with the subjects whose hash is its own; or one a filter.
 * - **Position**: the sequence of the last message handed over, with its time and the stream's.
 * - **Delivery**: exactly once with recovery; of a work queue, messages are acknowledged when their
 *   epoch is committed.
 * - **Back-pressure**: messages are asked for, never more than there is room for.
 * - **Needs**: the package `nats`; nats-server 2.9 or later with JetStream.
 */
import { createHash } from 'node:crypto'
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { adler32 } from '../../lib/flow/sink.ts'
import { FixedPartitionedSource } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { epochMillis, type TimeLike } from '../../lib/time/time.ts'
import type { NatsConnectionOptions } from './connection-options.ts'
import { JetStream, type StreamFacts } from './jetstream-api.ts'
import {
  JetStreamPartition,
  type JetStreamPosition,
  Unacknowledged,
} from './jetstream-partition.ts'
import { type Arrived, type JetStreamItem, StreamReader } from './stream-reader.ts'
import { StreamWatch } from './stream-watch.ts'
import { SharedWire } from './wire.ts'

export interface JetStreamSourceOptions extends NatsConnectionOptions {
  readonly stream: string
  /** Only messages of these subjects, wildcards included. Several need nats-server 2.10. @defaultValue all */
  readonly filter?: string | readonly string[]
  /**
   * A number: each partition reads the stream and keeps the subjects whose hash is its own. A list
   * of subjects: each partition is one of them, and reads nothing else. @defaultValue 1
   */
  readonly partitions?: number | readonly string[]
  /** Whether it goes on when it has come to the end of the stream. @defaultValue true */
  readonly tail?: boolean
  /** Where a partition without a position begins; a time is that of storing. @defaultValue `earliest` */
  readonly start?: 'earliest' | 'latest' | TimeLike
  /** Items of one batch at most. @defaultValue 1000 */
  readonly batchSize?: number
  /** Messages that may wait in memory for each partition. @defaultValue twice `batchSize` */
  readonly prefetch?: number
  /** What happens when the stream drops messages, by its limits, before they are read. @defaultValue `fail` */
  readonly missing?: 'fail' | 'skip'
  /** Messages of a work queue that may wait for the commit of their epoch. @defaultValue 100000 */
  readonly maxUncommitted?: number
}

const BATCH = 1000
const UNCOMMITTED = 100_000

interface Share {
  readonly filters: readonly string[]
  readonly index: number
  readonly count: number
}

/**
 * Reads the messages of a JetStream stream, in order.
 *
 * Of a stream with retention `limits` nothing is changed; of a work queue a message is acknowledged,
 * and so removed, once the epoch that it was read in is committed. Streams with retention `interest`
 * are refused: they keep nothing while the flow is down.
 *
 * @throws BuildError for options that can't work, ConnectorError when there is no such stream or no
 * JetStream, when the stream was made anew or has lost messages that were read, or has dropped some
 * that were not
 *
 * @example
 * ```ts
 * flow.input('orders', new JetStreamSource({ servers: 'nats://localhost', stream: 'ORDERS', filter: 'orders.*' }))
 * ```
 */
export class JetStreamSource extends FixedPartitionedSource<JetStreamItem, JetStreamPosition> {
  readonly #options: JetStreamSourceOptions
  readonly #shares: ReadonlyMap<string, Share>
  readonly #batchSize: number
  readonly #prefetch: number
  readonly #maxUncommitted: number
  readonly #start: 'earliest' | 'latest' | number
  readonly #wire: SharedWire
  #runtime: Runtime = systemRuntime

  constructor(options: JetStreamSourceOptions) {
    super()
    const { batchSize = BATCH, start = 'earliest', maxUncommitted = UNCOMMITTED } = options
    const { prefetch = 2 * batchSize } = options
    for (const [name, value] of Object.entries({ batchSize, prefetch, maxUncommitted })) {
      if (!(Number.isSafeInteger(value) && value > 0)) {
        throw new BuildError(`${name} must be a whole number above 0; got ${value}.`)
      }
    }
    this.#options = options
    this.#shares = sharesOf(options)
    this.#batchSize = batchSize
    this.#prefetch = prefetch
    this.#maxUncommitted = maxUncommitted
    this.#start = start === 'earliest' || start === 'latest' ? start : epochMillis(start)
    this.#wire = new SharedWire(options)
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return [...this.#shares.keys()]
  }

  override async buildPart(
    stepId: string,
    part: string,
    resume: JetStreamPosition | null,
  ): Promise<JetStreamPartition<JetStreamItem>> {
    const wire = await this.#wire.take()
    try {
      return await this.#open(new JetStream(wire), { stepId, part, resume })
    } catch (error) {
      await this.#wire.leave()
      throw error
    }
  }

  async #open(
    js: JetStream,
    { stepId, part, resume }: { stepId: string; part: string; resume: JetStreamPosition | null },
  ): Promise<JetStreamPartition<JetStreamItem>> {
    const { stream, tail = true, missing = 'fail' } = this.#options
    const share = this.#shares.get(part)
    if (share === undefined) throw new ConnectorError(`There is no partition "${part}".`)
    await js.check()
    const facts = await js.stream(stream)
    const isQueue = this.#isQueue(facts)
    const unacknowledged = isQueue ? new Unacknowledged(js, resume?.sequence ?? 0) : null
    const whole = share.filters.length === 0
    const watch = new StreamWatch(js, { facts, missing: whole && missing === 'fail' }, resume)
    const after = resume?.sequence ?? this.#firstPlace(facts)
    const begin = after === 0 && !isQueue ? this.#beginning() : undefined
    const prefix = `tidemark-${createHash('sha256').update(`${stepId} ${part}`).digest('hex').slice(0, 16)}-`
    const reader = await StreamReader.open(
      js,
      {
        stream,
        filters: share.filters,
        capacity: this.#prefetch,
        until: tail ? null : facts.last,
        queue: isQueue ? { prefix, most: this.#maxUncommitted } : null,
        ...(begin === undefined ? {} : { begin }),
        inspect: (place) => watch.inspect(place),
        accept: (arrived) => keeps(share, arrived) && (unacknowledged?.accept(arrived) ?? true),
        runtime: this.#runtime,
      },
      { sequence: after, timestamp: resume?.timestamp ?? 0 },
    )
    return new JetStreamPartition(reader, {
      created: resume?.created ?? facts.created,
      batchSize: this.#batchSize,
      unacknowledged,
      make: (item) => item,
      closed: () => this.#wire.leave(),
    })
  }

  #isQueue({ name, retention }: StreamFacts): boolean {
    if (retention === 'limits') return false
    if (retention === 'workqueue') {
      if (this.#shares.size === 1 || typeof this.#options.partitions !== 'number') return true
      throw new ConnectorError(
        `"${name}" is a work queue, of which a message is given once: instead of a number, give \`partitions\` a list of subjects that do not overlap.`,
      )
    }
    throw new ConnectorError(
      `"${name}" has retention "${retention}", so it keeps nothing while the flow is down. Let a stream with retention "limits" or "workqueue" take its subjects, or source from it.`,
    )
  }

  /** Behind it nothing was read yet; the place of a stream's end is known at once. */
  #firstPlace(facts: StreamFacts): number {
    return this.#start === 'latest' && facts.retention === 'limits' ? facts.last : 0
  }

  #beginning(): Readonly<Record<string, unknown>> | undefined {
    if (this.#start === 'latest') return undefined
    if (this.#start === 'earliest') return { deliver_policy: 'all' }
    return {
      deliver_policy: 'by_start_time',
      opt_start_time: new Date(this.#start).toISOString(),
    }
  }
}

const keeps = ({ index, count }: Share, { item }: Arrived): boolean =>
  count === 1 || adler32(item.subject) % count === index

const sharesOf = (options: JetStreamSourceOptions): ReadonlyMap<string, Share> => {
  const { stream, filter = [], partitions = 1 } = options
  const filters = typeof filter === 'string' ? [filter] : filter
  if (typeof partitions === 'number') {
    if (!(Number.isSafeInteger(partitions) && partitions > 0)) {
      throw new BuildError(
        `partitions must be a whole number above 0, or a list of subjects; got ${partitions}.`,
      )
    }
    return new Map(
      Array.from({ length: partitions }, (_, index) => [
        partitions === 1 ? stream : `${stream}:${index}/${partitions}`,
        { filters, index, count: partitions },
      ]),
    )
  }
  if (partitions.length === 0 || filters.length > 0) {
    throw new BuildError(
      'A list of `partitions` has at least one subject, and no `filter` beside it.',
    )
  }
  return new Map(
    partitions.map((subject) => [
      `${stream}:${subject}`,
      { filters: [subject], index: 0, count: 1 },
    ]),
  )
}
