import type { KafkaConnectionOptions } from './client-options.ts'
import type { Compression } from './compression.ts'
import type { KafkaMessage, KafkaSinkMessage } from './message.ts'

export interface KafkaSinkOptions extends KafkaConnectionOptions {
  /** Where messages go that name no topic themselves. */
  readonly topic?: string
  /** Exactly once, in transactions, an epoch late. @defaultValue false */
  readonly transactional?: boolean
  /** How batches are packed. @defaultValue `none` */
  readonly compression?: Compression
  /** The compacted topic of markers, made when it is missing. @defaultValue `tidemark-markers` */
  readonly markers?: string
  /** Begins transactional ids and markers: `tidemark.<flow>.<step>.<slot>`. @defaultValue `tidemark` */
  readonly prefix?: string
  /** Milliseconds after which brokers take an open transaction back. @defaultValue 60000 */
  readonly transactionTimeout?: number
  /** Bytes of messages that may wait on each worker while the brokers are away. @defaultValue 64 MiB */
  readonly stageBytes?: number
}

type Writable = KafkaSinkMessage | KafkaMessage<Buffer | string | null, Buffer | string | null>

/** What the sink takes: a message, to be written or as it was read, perhaps with a key's stream. */
export type KafkaItem = Writable | readonly [key: string, message: Writable]
