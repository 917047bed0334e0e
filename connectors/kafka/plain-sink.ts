import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { DynamicSink, StatelessSinkPartition } from '../../lib/flow/sink.ts'
import type { Producer } from './cluster.ts'
import { isPassing } from './kafka-error.ts'
import { addressed } from './message.ts'
import { Pauses } from './pauses.ts'
import { SharedCluster } from './shared-cluster.ts'
import type { KafkaItem, KafkaSinkOptions } from './sink-options.ts'
import { TopicTable } from './topic-table.ts'

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
    const { topic, compression = 'none' } = this.#options
    const { runtime } = this.#shared
    return new PlainPartition(cluster.producer({ compression }), {
      topic,
      topics: new TopicTable(cluster, () => runtime.monotonic()),
      now: () => runtime.now(),
      pauses: new Pauses(runtime),
      closed: () => this.#shared.leave(),
    })
  }
}

class PlainPartition extends StatelessSinkPartition<KafkaItem> {
  readonly #producer: Producer
  readonly #ends: {
    readonly topic: string | undefined
    readonly topics: TopicTable
    readonly now: () => number
    readonly pauses: Pauses
    readonly closed: () => Promise<void>
  }

  constructor(
    producer: Producer,
    ends: {
      readonly topic: string | undefined
      readonly topics: TopicTable
      readonly now: () => number
      readonly pauses: Pauses
      readonly closed: () => Promise<void>
    },
  ) {
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

  override async close(): Promise<void> {
    this.#ends.pauses.close()
    await this.#ends.closed()
  }

  /** An outage is waited out. */
  async #patiently<R>(body: () => Promise<R>): Promise<R> {
    const { pauses } = this.#ends
    for (;;) {
      try {
        const result = await body()
        pauses.reset()
        return result
      } catch (error) {
        if (!isPassing(error) || pauses.closed) throw error
      }
      await pauses.pass()
    }
  }
}
