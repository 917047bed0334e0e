/**
 * Writes to topics of Kafka.
 *
 * - **Partitions**: each worker writes what reaches it; with `transactional` 16 slots, a key keeps its
 *   slot.
 * - **Position**: with `transactional` a marker for each slot, in a compacted topic.
 * - **Delivery**: at least once; with `transactional` and recovery exactly once, an epoch late, for
 *   who reads what is committed.
 * - **Back-pressure**: an outage is waited out: by the flow; with `transactional` first by the items,
 *   up to `stageBytes`.
 * - **Needs**: the package `kafka-ts`; brokers 2.5 or later.
 */
import { BuildError } from '../../lib/errors/errors.ts'
import type { DynamicSink, WriteAheadSink } from '../../lib/flow/sink.ts'
import { brokerAddresses, checkClient } from './client-options.ts'
import { COMPRESSIONS, hasZstd } from './compression.ts'
import { PlainKafkaSink } from './plain-sink.ts'
import type { KafkaItem, KafkaSinkOptions } from './sink-options.ts'
import { TransactionalKafkaSink } from './transactional-sink.ts'

/** A sink that is either of two kinds, by its option `transactional`. */
interface KafkaSinkConstructor {
  new (options: KafkaSinkOptions & { readonly transactional: true }): WriteAheadSink<KafkaItem>
  new (options: KafkaSinkOptions & { readonly transactional?: false }): DynamicSink<KafkaItem>
  new (options: KafkaSinkOptions): DynamicSink<KafkaItem> | WriteAheadSink<KafkaItem>
}

class EitherSink {
  constructor(options: KafkaSinkOptions) {
    check(options)
    // biome-ignore lint/correctness/noConstructorReturn: users say `new KafkaSink`, whichever it is.
    return options.transactional === true
      ? new TransactionalKafkaSink(options)
      : new PlainKafkaSink(options)
  }
}

/**
 * Writes messages, or the message values of a keyed stream, to topics.
 *
 * The producer is idempotent: a batch that is sent again after an outage is stored once. What a flow
 * that resumes writes again comes again, unless `transactional`: then the messages of an epoch are
 * kept with the snapshot and written when it is committed, in a transaction with a marker.
 *
 * A message goes to the partition it names, or else to its key's, or else to one after the other. A
 * message that was read from Kafka gives its key, value and headers; where it came from is not where
 * it goes. Without recovery each run of a transactional sink begins anew.
 *
 * @throws BuildError for options that can't work, ConnectorError for a topic or partition that is not
 * there, a message that brokers refuse, or a slot that is written by a later execution
 *
 * @example
 * ```ts
 * counts
 *   .pipe(map('message', ([word, n]) => ({ key: word, value: String(n) })))
 *   .output('out', new KafkaSink({ brokers: ['localhost:9092'], topic: 'counts', transactional: true }))
 * ```
 */
export const KafkaSink: KafkaSinkConstructor = EitherSink as KafkaSinkConstructor

export type KafkaSink = DynamicSink<KafkaItem> | WriteAheadSink<KafkaItem>

const check = (options: KafkaSinkOptions): void => {
  const { brokers, client, topic, compression = 'none', markers, prefix } = options
  const { transactionTimeout, stageBytes } = options
  brokerAddresses(brokers)
  checkClient(client)
  for (const [name, value] of Object.entries({ topic, markers, prefix })) {
    if (value === '') throw new BuildError(`${name} must not be empty.`)
  }
  for (const [name, value] of Object.entries({ transactionTimeout, stageBytes })) {
    if (value !== undefined && !(value > 0)) {
      throw new BuildError(`${name} must be more than 0; got ${value}.`)
    }
  }
  if (!COMPRESSIONS.includes(compression)) {
    throw new BuildError(
      `compression must be one of ${COMPRESSIONS.join(', ')}; got "${String(compression)}".`,
    )
  }
  if (compression === 'zstd' && !hasZstd()) {
    throw new BuildError('compression "zstd" needs Node 22.15 or later.')
  }
}
