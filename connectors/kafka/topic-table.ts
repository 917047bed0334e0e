import type { KafkaCluster } from './cluster.ts'
import { CODE, KafkaError } from './kafka-error.ts'
import type { Addressed, KafkaRecord, TopicPartition } from './message.ts'
import { partitionOf } from './partitioner.ts'

/** How long what is known of a topic holds: milliseconds. */
const KNOWN_FOR = 60_000

interface Known {
  readonly partitions: readonly number[]
  readonly at: number
}

/**
 * Finds partitions for messages: the one they name, their key's by the hash that Kafka's own clients
 * use, or, for messages without either, one after the other, a batch to each.
 */
export class TopicTable {
  readonly #cluster: KafkaCluster
  readonly #now: () => number
  readonly #topics = new Map<string, Known>()
  #turn = 0

  constructor(cluster: KafkaCluster, now: () => number) {
    this.#cluster = cluster
    this.#now = now
  }

  /**
   * @throws KafkaError for a topic or a partition that is not there
   */
  async writesOf(
    messages: readonly Addressed[],
  ): Promise<readonly (TopicPartition & { readonly records: KafkaRecord[] })[]> {
    const writes = new Map<string, TopicPartition & { readonly records: KafkaRecord[] }>()
    this.#turn += 1
    for (const message of messages) {
      const known = this.#fresh(message.topic) ?? (await this.#look(message.topic))
      const partition = await this.#partitionOf(message, known)
      const name = `${partition} ${message.topic}`
      let write = writes.get(name)
      if (write === undefined) {
        write = { topic: message.topic, partition, records: [] }
        writes.set(name, write)
      }
      write.records.push(message.record)
    }
    return [...writes.values()]
  }

  #fresh(topic: string): Known | null {
    const known = this.#topics.get(topic)
    return known !== undefined && this.#now() - known.at < KNOWN_FOR ? known : null
  }

  async #look(topic: string): Promise<Known> {
    const facts = (await this.#cluster.topics([topic])).get(topic)
    if (facts === undefined || facts.partitions.length === 0) {
      throw new KafkaError(`There is no topic "${topic}" to write to. Make it first.`, {
        kafkaCode: CODE.unknownTopicOrPartition,
      })
    }
    const known = { partitions: facts.partitions, at: this.#now() }
    this.#topics.set(topic, known)
    return known
  }

  async #partitionOf({ topic, partition, record }: Addressed, known: Known): Promise<number> {
    const { partitions } = known
    const count = partitions.length
    if (partition === null) {
      const at = record.key === null ? this.#turn % count : partitionOf(record.key, count)
      return partitions[at] as number
    }
    if (partitions.includes(partition)) return partition
    // It may have been added since.
    const now = (await this.#look(topic)).partitions
    if (now.includes(partition)) return partition
    throw new KafkaError(
      `A message is for partition ${partition} of topic "${topic}", which has partitions 0 to ${now.length - 1}.`,
      { kafkaCode: CODE.unknownTopicOrPartition },
    )
  }
}
