/**
 * Reads topics of Kafka.
 *
 * - **Partitions**: one for each partition of a topic; those that are added while the flow runs too.
 * - **Position**: the offset of the next message, in our own snapshots: no consumer group.
 * - **Delivery**: exactly once with recovery, of what is committed (`read_committed`).
 * - **Back-pressure**: a partition is asked for more when its last messages have been taken.
 * - **Needs**: the package `kafka-ts`; brokers 2.4 or later.
 */
import { BuildError, ConnectorError } from '../../lib/errors/errors.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { FixedPartitionedSource, type StatefulSourcePartition } from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { type DurationLike, epochMillis, type TimeLike } from '../../lib/time/time.ts'
import {
  brokerAddresses,
  checkClient,
  type KafkaConnectionOptions,
  nameList,
} from './client-options.ts'
import type { KafkaCluster } from './cluster.ts'
import { Fetcher } from './fetcher.ts'
import { isPassing, KafkaError } from './kafka-error.ts'
import { KafkaPartition, type KafkaPosition } from './kafka-partition.ts'
import { type KafkaInputError, type KafkaMessage, nameOf, type TopicPartition } from './message.ts'
import { Pauses } from './pauses.ts'
import { SharedCluster } from './shared-cluster.ts'

export interface KafkaSourceOptions extends KafkaConnectionOptions {
  readonly topics: readonly string[]
  /** Whether it goes on at the end; without, it ends where each partition ended when it was opened. @defaultValue true */
  readonly tail?: boolean
  /** Where a partition without a position begins; a time is that of the messages. @defaultValue `earliest` */
  readonly startingOffset?: 'earliest' | 'latest' | TimeLike
  /** Items of one batch at most. @defaultValue 1000 */
  readonly batchSize?: number
  /** Whether what can't be read fails the run; without, it is an item: a {@link KafkaInputError}. @defaultValue true */
  readonly raiseOnErrors?: boolean
  /** What happens when a topic drops messages, by its limits, before they are read. @defaultValue `fail` */
  readonly missing?: 'fail' | 'skip'
  /** How often partitions that were added are looked for. @defaultValue a minute; with `tail: false` never */
  readonly discoverEvery?: DurationLike
}

const BATCH = 1000
/** Milliseconds that a leader which is just moving, or not chosen yet, is waited for at the start. */
const PATIENCE = 30_000
const DISCOVER_EVERY = 60_000

/**
 * Reads the messages of topics, each partition in order.
 *
 * Keys and values are bytes or `null`; `deserialize` makes more of them. Messages of transactions
 * that are open or were aborted are never given. Outages, restarts and leaders that move are waited
 * out, while it opens for half a minute.
 *
 * @throws BuildError for options that can't work, ConnectorError when no broker can be reached as it
 * opens, there is no such topic, or one was made anew or has lost or dropped what was to be read
 *
 * @example
 * ```ts
 * flow.input('orders', new KafkaSource({ brokers: ['localhost:9092'], topics: ['orders'] }))
 * ```
 */
export class KafkaSource<
  T extends KafkaMessage | KafkaInputError = KafkaMessage,
> extends FixedPartitionedSource<T, KafkaPosition> {
  readonly #options: KafkaSourceOptions
  readonly #topics: readonly string[]
  readonly #start: 'earliest' | 'latest' | number
  readonly #shared: SharedCluster
  /** What was there at first; what comes later is read from its beginning. */
  #first: ReadonlySet<string> | null = null
  #fetcher: { readonly cluster: KafkaCluster; readonly of: Fetcher } | null = null

  constructor(options: KafkaSourceOptions) {
    super()
    const { batchSize = BATCH, startingOffset = 'earliest', tail = true } = options
    brokerAddresses(options.brokers)
    checkClient(options.client)
    if (!(Number.isSafeInteger(batchSize) && batchSize > 0)) {
      throw new BuildError(`batchSize must be a whole number above 0; got ${batchSize}.`)
    }
    this.#options = options
    this.#topics = nameList('topics', options.topics)
    this.#start =
      startingOffset === 'earliest' || startingOffset === 'latest'
        ? startingOffset
        : epochMillis(startingOffset)
    this.#shared = new SharedCluster(options)
    if (tail) this.discoverEvery = options.discoverEvery ?? DISCOVER_EVERY
  }

  override useRun({ runtime }: RunFacts): void {
    this.#shared.runtime = runtime
    this.#first = null
  }

  override async listParts(): Promise<string[]> {
    const known = this.#first
    const { runtime } = this.#shared
    try {
      const parts = await this.#shared.use((cluster) => {
        const list = (): Promise<string[]> => this.#list(cluster)
        return known === null ? patiently(runtime, list) : list()
      })
      this.#first ??= new Set(parts)
      return parts
    } catch (error) {
      // While the flow runs, an outage only puts off the look.
      if (known === null || !(error instanceof ConnectorError)) throw error
      return [...known]
    }
  }

  override async buildPart(
    _stepId: string,
    part: string,
    resume: KafkaPosition | null,
  ): Promise<StatefulSourcePartition<T, KafkaPosition>> {
    const cluster = await this.#shared.take()
    try {
      const partition: StatefulSourcePartition<KafkaMessage | KafkaInputError, KafkaPosition> =
        await patiently(this.#shared.runtime, () => this.#open(cluster, part, resume))
      return partition as StatefulSourcePartition<T, KafkaPosition>
    } catch (error) {
      await this.#shared.leave()
      throw error
    }
  }

  async #list(cluster: KafkaCluster): Promise<string[]> {
    const found = await cluster.topics(this.#topics)
    return this.#topics.flatMap((topic) => {
      const facts = found.get(topic)
      if (facts === undefined) throw this.#missing(topic)
      return facts.partitions.map((partition) => nameOf({ topic, partition }))
    })
  }

  async #open(
    cluster: KafkaCluster,
    part: string,
    resume: KafkaPosition | null,
  ): Promise<KafkaPartition> {
    const where = this.#whereOf(part)
    const { tail = true, batchSize = BATCH, raiseOnErrors = true } = this.#options
    const facts = (await cluster.topics([where.topic])).get(where.topic)
    if (facts === undefined) throw this.#missing(where.topic)
    const position = {
      offset: resume?.offset ?? (await cluster.offsetAt(where, this.#startOf(part))),
      topicId: resume?.topicId || facts.id,
    }
    if (resume !== null) await this.#check(cluster, where, { position, id: facts.id })
    return new KafkaPartition(this.#fetcherOf(cluster), {
      ...where,
      position,
      until: tail ? null : await cluster.offsetAt(where, 'latest'),
      batchSize,
      raiseOnErrors,
      missing: this.#options.missing ?? 'fail',
      start: () => cluster.offsetAt(where, 'earliest'),
      closed: () => this.#shared.leave(),
    })
  }

  #whereOf(part: string): TopicPartition {
    const dash = part.indexOf('-')
    const partition = Number(part.slice(0, dash))
    const topic = part.slice(dash + 1)
    if (dash < 1 || !Number.isSafeInteger(partition) || !this.#topics.includes(topic)) {
      throw new ConnectorError(`There is no partition "${part}" of these topics.`)
    }
    return { topic, partition }
  }

  /** What came while the flow ran is new altogether. */
  #startOf(part: string): 'earliest' | 'latest' | number {
    return this.#first?.has(part) === false ? 'earliest' : this.#start
  }

  async #check(
    cluster: KafkaCluster,
    where: TopicPartition,
    { position, id }: { readonly position: KafkaPosition; readonly id: string },
  ): Promise<void> {
    const what = `Partition ${where.partition} of topic "${where.topic}"`
    const alarm = (text: string): KafkaError =>
      new KafkaError(
        `${what} ${text}. What the flow made of it stands on messages that are gone; restore the topic, or begin anew without this recovery store.`,
      )
    if (id !== '' && position.topicId !== '' && id !== position.topicId) {
      throw alarm('belongs to a topic that was made anew after it was read')
    }
    const end = await cluster.offsetAt(where, 'end')
    if (end < position.offset) {
      throw alarm(
        `went back to offset ${end}, though everything before ${position.offset} was read`,
      )
    }
  }

  #fetcherOf(cluster: KafkaCluster): Fetcher {
    if (this.#fetcher?.cluster !== cluster) {
      this.#fetcher = { cluster, of: new Fetcher(cluster, this.#shared.runtime) }
    }
    return this.#fetcher.of
  }

  #missing(topic: string): KafkaError {
    return new KafkaError(
      `There is no topic "${topic}" at ${this.#options.brokers.join(', ')}. Make it first, or look at \`topics\` and \`brokers\`.`,
      { kafkaCode: 3 },
    )
  }
}

/** What passes by itself is asked again, for a while: who opens a source wants to hear of the rest. */
const patiently = async <R>(runtime: Runtime, body: () => Promise<R>): Promise<R> => {
  const pauses = new Pauses(runtime)
  const until = runtime.monotonic() + PATIENCE
  for (;;) {
    try {
      return await body()
    } catch (error) {
      if (!isPassing(error) || runtime.monotonic() > until) throw error
    }
    await pauses.pass()
  }
}
