import type { Runtime } from '../../lib/runtime/runtime.ts'
import type { OpenTransaction } from './cluster.ts'
import type { KafkaRecord, TopicPartition } from './message.ts'
import { sizeOf } from './record-batch.ts'

/** Who writes; a later epoch of an id shuts the earlier ones out. */
export interface ProducerId {
  readonly id: bigint
  readonly epoch: number
}

/** An encoded batch and where it goes. */
export interface Batch extends TopicPartition {
  readonly bytes: Buffer
}

/** What a producer needs of a connection; each call is one try. */
export interface ProduceWire {
  readonly runtime: Runtime
  initProducer(
    transactionalId: string | null,
    known: ProducerId | null,
    timeout: number,
  ): Promise<ProducerId>
  /** At most one batch a partition. */
  produce(transactionalId: string | null, batches: readonly Batch[]): Promise<void>
}

/** How the last transaction of an id ended. */
export interface LastTransaction {
  readonly producer: ProducerId
  /** `ending` until each partition knows; `unknown` where none has ended since the id was taken. */
  readonly end: 'commit' | 'abort' | 'ending' | 'unknown'
}

export interface TransactionWire extends ProduceWire {
  addPartitions(
    id: string,
    producer: ProducerId,
    partitions: readonly TopicPartition[],
  ): Promise<void>
  endTransaction(id: string, producer: ProducerId, committed: boolean): Promise<void>
  /** `null` where there was none, or brokers are too old to say. */
  lastTransaction(id: string): Promise<LastTransaction | null>
  openTransactions(where: TopicPartition): Promise<readonly OpenTransaction[]>
  /** Tells one partition how a transaction ended, which is the coordinator's part. */
  tellEnd(where: TopicPartition, open: OpenTransaction, committed: boolean): Promise<void>
}

/** Bytes of a batch, before it is packed; brokers take 1 MiB unless told otherwise. */
const BATCH_BYTES = 768 * 1024

/** The end of the batch that begins at a record: always the same for the same records. */
export const batchEnd = (records: readonly KafkaRecord[], from: number): number => {
  let bytes = 0
  let until = from
  for (; until < records.length; until += 1) {
    bytes += sizeOf(records[until] as KafkaRecord)
    if (bytes > BATCH_BYTES && until > from) break
  }
  return until
}

/** Numbers of records wrap around. */
export const sequenceAfter = (sequence: number, records: number): number =>
  (sequence + records) % 2 ** 31
