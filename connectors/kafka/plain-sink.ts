import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { DynamicSink, StatelessSinkPartition } from '../../lib/flow/sink.ts'
import type { Producer } from './cluster.ts'
import { isPassing, KafkaError } from './kafka-error.ts'
import { addressed } from './message.ts'
import { Pauses } from './pauses.ts'
import { SharedCluster } from './shared-cluster.ts'
import type { KafkaItem, KafkaSinkOptions } from './sink-options.ts'
import { TopicTable } from './topic-table.ts'

/** As long as a request may take: milliseconds. */
const LAST_TRIES = 30_000

/** Writes as items come: at least once. */
export class PlainKafkaSink extends DynamicSink<KafkaItem> {
  readonly #options: KafkaSinkOptions
  readonly #shared: SharedCluster

  constructor(options: KafkaSinkOptions) {
    super()
    this.#options = options
    this.#shared = new SharedCluster(options)
  }

  override useRun({ runtime }: RunFacts): void {
    this.#shared.runtime = runtime
  }

  override async build(): Promise<StatelessSinkPartition<KafkaItem>> {
    const cluster = await this.#shared.take()
    const { topic, compression = 'none', client } = this.#options
    const { runtime } = this.#shared
    return new PlainPartition(cluster.producer({ compression }), {
      topic,
      topics: new TopicTable(cluster, () => runtime.monotonic()),
      now: () => runtime.now(),
      monotonic: () => runtime.monotonic(),
      lastTries: client?.requestTimeout ?? LAST_TRIES,
      pauses: new Pauses(runtime),
      closed: () => this.#shared.leave(),
    })
  }
}

interface PlainEnds {
  readonly topic: string | undefined
  readonly topics: TopicTable
  readonly now: () => number
  readonly monotonic: () => number
  /** How long a flow that is told to stop waits for brokers that are away: milliseconds. */
  readonly lastTries: number
  readonly pauses: Pauses
  readonly closed: () => Promise<void>
}

class PlainPartition extends StatelessSinkPartition<KafkaItem> {
  readonly #producer: Producer
  readonly #ends: PlainEnds
  #stopped = Number.POSITIVE_INFINITY

  constructor(producer: Producer, ends: PlainEnds) {
    super()
    this.#producer = producer
    this.#ends = ends
  }

  override async writeBatch(items: KafkaItem[]): Promise<void> {
    const { topic, topics, now } = this.#ends
    const at = now()
    const messages = items.map((item) => addressed(item, topic, at))
    const writes = await this.#patiently(() => topics.writesOf(messages))
    await Promise.all(writes.map((write) => this.#patiently(() => this.#producer.send(write))))
  }

  override stopping(): void {
    this.#stopped = this.#ends.monotonic()
  }

  override async close(): Promise<void> {
    this.#ends.pauses.close()
    await this.#ends.closed()
  }

  /** An outage is waited out, unless the flow is to end. */
  async #patiently<R>(body: () => Promise<R>): Promise<R> {
    const { pauses, monotonic, lastTries } = this.#ends
    const began = monotonic()
    for (;;) {
      try {
        const result = await body()
        pauses.reset()
        return result
      } catch (error) {
        if (!isPassing(error) || pauses.closed) throw error
        if (monotonic() - Math.max(began, this.#stopped) >= lastTries) throw this.#gaveUp(error)
      }
      await pauses.pass()
    }
  }

  #gaveUp(cause: unknown): KafkaError {
    const why = cause instanceof Error ? cause.message : String(cause)
    return new KafkaError(
      `The flow was told to stop, and the brokers were away for ${this.#ends.lastTries} ms more: ${why} What was not written comes again from the last snapshot, if the flow keeps any.`,
      { cause, retryable: true },
    )
  }
}
