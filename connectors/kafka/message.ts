import { ConnectorError } from '../../lib/errors/errors.ts'

/** A message read from a topic. */
export interface KafkaMessage<K = Buffer | null, V = Buffer | null> {
  readonly key: K
  readonly value: V
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Epoch milliseconds: of its making, or where the topic says so of its storing. */
  readonly timestamp: number
  /** Of several values under one name, the last. */
  readonly headers: Record<string, Buffer>
}

/** A message to be written. */
export interface KafkaSinkMessage<K = Buffer | string | null, V = Buffer | string | null> {
  readonly key?: K
  readonly value: V
  /** @defaultValue the sink's */
  readonly topic?: string
  /** @defaultValue the key's, by the hash that Kafka's own clients use; without a key they take turns */
  readonly partition?: number
  readonly headers?: Readonly<Record<string, Buffer | string>>
  /** Epoch milliseconds. @defaultValue now */
  readonly timestamp?: number
}

/** What could not be read. */
export interface KafkaInputError {
  readonly topic: string
  readonly partition: number
  /** Where in the partition; reading goes on behind it. */
  readonly offset: bigint
  /** The error code of Kafka's protocol; `null` where no broker has said one. */
  readonly kafkaCode: number | null
  readonly error: string
  /** The batch of records that can't be read, as the broker gave it. */
  readonly bytes: Buffer | null
}

/** A message whose key or value could not be turned into something, untouched. */
export interface KafkaSerdeError<M> {
  readonly part: 'key' | 'value'
  readonly error: string
  readonly message: M
}

/** One record, as it is laid down. */
export interface KafkaRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: readonly (readonly [name: string, value: Buffer])[]
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export const nameOf = ({ topic, partition }: TopicPartition): string => `${partition}-${topic}`

/** Where a message goes; partition `null` is for the partitioner to choose. */
export interface Addressed {
  readonly topic: string
  readonly partition: number | null
  readonly record: KafkaRecord
}

const NO_HEADERS: readonly (readonly [string, Buffer])[] = []

/**
 * A record of an item: a message, one that was read from Kafka, or a pair of a key and one of them.
 *
 * Of a message that was read key, value and headers go on; where it came from is not where it goes.
 */
export const addressed = (item: unknown, topic: string | undefined, now: number): Addressed => {
  const message: unknown = Array.isArray(item) ? item[1] : item
  if (typeof message !== 'object' || message === null || !('value' in message)) {
    throw new ConnectorError(
      'KafkaSink takes messages: { key?, value, topic?, partition?, headers?, timestamp? }. Make them of the items before, for example with map.',
    )
  }
  const { key, value, headers, timestamp, ...place } = message as KafkaSinkMessage
  const read = 'offset' in message
  const to = (read ? undefined : place.topic) ?? topic
  if (to === undefined) {
    throw new ConnectorError(
      'A message has no topic, and neither has KafkaSink: give one of them a `topic`.',
    )
  }
  const at = read ? undefined : place.partition
  if (at !== undefined && !(Number.isSafeInteger(at) && at >= 0)) {
    throw new ConnectorError(`A message for "${to}" names the partition ${String(at)}.`)
  }
  return {
    topic: to,
    partition: at ?? null,
    record: {
      key: bytesOf('key', key),
      value: bytesOf('value', value),
      timestamp: read || timestamp === undefined ? now : timeOf(timestamp),
      headers: headers === undefined ? NO_HEADERS : headersOf(headers),
    },
  }
}

const bytesOf = (part: string, value: unknown): Buffer | null => {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return Buffer.from(value)
  if (Buffer.isBuffer(value)) return value
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }
  throw new ConnectorError(
    `A message's ${part} is bytes, text or null; got ${typeof value}. Put serialize before the sink.`,
  )
}

const timeOf = (timestamp: unknown): number => {
  if (typeof timestamp === 'number' && Number.isSafeInteger(Math.trunc(timestamp))) {
    return Math.trunc(timestamp)
  }
  throw new ConnectorError(
    `A message's timestamp is epoch milliseconds; got ${String(timestamp)} (${typeof timestamp}).`,
  )
}

const headersOf = (
  headers: Readonly<Record<string, unknown>>,
): readonly (readonly [string, Buffer])[] =>
  Object.entries(headers).map(([name, value]) => [
    name,
    bytesOf(`header "${name}"`, value) ?? Buffer.alloc(0),
  ])
