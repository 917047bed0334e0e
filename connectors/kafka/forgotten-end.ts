import type { OpenTransaction } from './cluster.ts'
import { CODE, hasCode, KafkaError } from './kafka-error.ts'
import { nameOf, type TopicPartition } from './message.ts'
import type { LastTransaction, TransactionWire } from './wire.ts'

/**
 * Tells partitions how a transaction ended, where the coordinator forgot to.
 *
 * A coordinator passes over a partition that has no leader at the moment it ends a transaction, as it
 * may while a killed broker comes back: it takes it for deleted. The transaction stays open there for
 * good, who reads what is committed never gets past it, and the id's next one would be added to it.
 *
 * F1. Told is only what is still open once the coordinator says that all partitions know, and as it
 *     has decided.
 * F2. It is done before the id is taken, which makes the coordinator forget what it decided.
 *
 * @throws KafkaError that may pass while a transaction is still being ended; one that does not where
 * this client may not tell partitions
 */
export const tellForgottenEnds = async (
  wire: TransactionWire,
  id: string,
  places: readonly TopicPartition[],
): Promise<void> => {
  const first = await wire.lastTransaction(id)
  if (first?.end === 'ending') throw stillEnding(id)
  if (first === null || first.end === 'unknown' || places.length === 0) return
  const suspects = await openAt(wire, places, first)
  if (suspects.length === 0) return
  // What was open before this answer belongs to what has ended by it.
  const last = await wire.lastTransaction(id)
  if (last === null || !isSame(first, last)) throw stillEnding(id)
  const still = await openAt(
    wire,
    suspects.map(({ where }) => where),
    last,
  )
  for (const suspect of suspects) {
    const found = still.find(({ where }) => nameOf(where) === nameOf(suspect.where))
    if (found?.open.since === suspect.open.since) await tell(wire, id, { ...found, last })
  }
}

interface Found {
  readonly where: TopicPartition
  readonly open: OpenTransaction
}

const openAt = async (
  wire: TransactionWire,
  places: readonly TopicPartition[],
  { producer }: LastTransaction,
): Promise<readonly Found[]> => {
  const found: Found[] = []
  for (const where of places) {
    for (const open of await wire.openTransactions(where)) {
      if (open.producerId === producer.id) found.push({ where, open })
    }
  }
  return found
}

const isSame = (first: LastTransaction, last: LastTransaction): boolean =>
  first.end === last.end &&
  first.producer.id === last.producer.id &&
  first.producer.epoch === last.producer.epoch

const tell = async (
  wire: TransactionWire,
  id: string,
  { where, open, last }: Found & { readonly last: LastTransaction },
): Promise<void> => {
  const committed = last.end === 'commit'
  try {
    // A partition that has heard from a later epoch refuses this one.
    await wire.tellEnd(where, { ...open, producerEpoch: last.producer.epoch }, committed)
  } catch (cause) {
    if (!hasCode(cause, CODE.clusterAuthorizationFailed)) throw cause
    const { topic, partition } = where
    const by = committed
      ? 'Ended by hand it would be taken back, and written twice'
      : `Or end it by hand: kafka-transactions.sh abort --topic ${topic} --partition ${partition} --start-offset ${open.since}`
    throw new KafkaError(
      `Kafka ${committed ? 'committed' : 'took back'} the last transaction of "${id}" (producer ${open.producerId}), but never told partition ${partition} of topic "${topic}", where it stays open from offset ${open.since} on and hides all that follows. Let this client Alter the cluster (kafka-acls.sh --add --operation Alter --cluster) and start the flow again: then it tells it. ${by}.`,
      { cause, kafkaCode: CODE.clusterAuthorizationFailed },
    )
  }
}

const stillEnding = (id: string): KafkaError =>
  new KafkaError(`The last transaction of "${id}" is still being ended.`, {
    kafkaCode: CODE.concurrentTransactions,
  })
