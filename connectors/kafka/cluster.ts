import type { Compression } from './compression.ts'
import type { KafkaRecord, TopicPartition } from './message.ts'

/** What is known of a topic. */
export interface TopicFacts {
  /** Distinguishes it from one that had its name before; empty where brokers are too old to say. */
  readonly id: string
  readonly partitions: readonly number[]
}

/**
 * A place in a partition: its first message, the end of what is committed, the end of all that is
 * stored, or the first message of a time or later.
 */
export type OffsetAt = 'earliest' | 'latest' | 'end' | number

/** A partition to be read on. */
export interface Wanted extends TopicPartition {
  readonly offset: bigint
  /** Bytes at most, unless the first batch alone has more. */
  readonly maxBytes: number
}

export interface StoredRecord extends KafkaRecord {
  readonly offset: bigint
}

/** Bytes that are no batch of records. */
export interface Unreadable {
  readonly offset: bigint
  readonly bytes: Buffer
  readonly error: string
}

/** What a partition gave: committed records alone. */
export interface Fetched extends TopicPartition {
  readonly records: readonly StoredRecord[]
  /** Where to read on: behind what was given, and behind what need not be. */
  readonly next: bigint
  /** The end of what is committed. */
  readonly end: bigint
  /** What lies at `next` and can't be read; `next` is behind it. */
  readonly unreadable: Unreadable | null
  /** Why the partition gave nothing; `null` when it did. */
  readonly error: Error | null
}

/** Records for one partition. */
export interface Write extends TopicPartition {
  readonly records: readonly KafkaRecord[]
}

/** A transaction that a partition has heard no end of. */
export interface OpenTransaction {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** Its first message there: nothing from here on is read as committed. */
  readonly since: bigint
  /** What only who ends it need know; 0 where nothing was ended there yet. */
  readonly coordinatorEpoch: number
}

/** Writes each record once, however often a write is tried. */
export interface Producer {
  /** Resolves when it is stored. One that failed with a retryable error may be given again, the same object. */
  send(write: Write): Promise<void>
}

/** Writes under a transactional id, in transactions. */
export interface Transactions {
  /** Shuts out whoever had the id before; what they left open is taken back. */
  begin(): Promise<void>
  /**
   * Writes all or nothing.
   *
   * @throws KafkaError with the code of a fenced producer, once a later one has the id
   */
  commit(writes: readonly Write[]): Promise<void>
  /** Sees to it that a commit that failed is either done or taken back for good. */
  settle(): Promise<void>
}

export interface TransactionOptions {
  readonly compression: Compression
  /** Milliseconds after which brokers take an open transaction back. */
  readonly timeout: number
  /** What every transaction of the id writes to. */
  readonly places?: readonly TopicPartition[]
}

/** A Kafka cluster, as the connector sees it; any client that can do this can stand behind it. */
export interface KafkaCluster {
  /** The topics that are there, by name. */
  topics(names: readonly string[]): Promise<ReadonlyMap<string, TopicFacts>>
  /** Makes a topic; nothing, if it is there. */
  createTopic(name: string, config: Readonly<Record<string, string>>): Promise<void>
  /** The first offset at a place; of a time behind all messages the end. */
  offsetAt(where: TopicPartition, at: OffsetAt): Promise<bigint>
  /** The broker that has to be asked for a partition; partitions of one can be asked for together. */
  leaderOf(where: TopicPartition): Promise<number>
  /** Resolves when one of the partitions has something, or `maxWait` milliseconds are over. */
  fetch(
    leader: number,
    wanted: readonly Wanted[],
    options: { readonly maxWait: number },
  ): Promise<readonly Fetched[]>
  /** The transactions that are open in a partition; none, where brokers do not say. */
  openTransactions(where: TopicPartition): Promise<readonly OpenTransaction[]>
  producer(options: { readonly compression: Compression }): Producer
  transactions(id: string, options: TransactionOptions): Transactions
  close(): Promise<void>
}
