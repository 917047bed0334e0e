import type { Client, SASLProvider } from 'kafka-ts'
import { ConnectorError } from '../../lib/errors/errors.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import {
  brokerAddresses,
  type KafkaClientOptions,
  type KafkaConnectionOptions,
  type KafkaTls,
} from './client-options.ts'
import type {
  Fetched,
  KafkaCluster,
  OffsetAt,
  OpenTransaction,
  Producer,
  TopicFacts,
  TransactionOptions,
  Transactions,
  Wanted,
} from './cluster.ts'
import type { Compression } from './compression.ts'
import { committedOf } from './fetched.ts'
import { CODE, hasCode, KafkaError } from './kafka-error.ts'
import { nameOf, type TopicPartition } from './message.ts'
import { IdempotentProducer } from './producer.ts'
import { CoordinatedTransactions } from './transactions.ts'
import type { Batch, LastTransaction, ProducerId, TransactionWire } from './wire.ts'
import { type Api, FETCH, PRODUCE, type RawProduced } from './wire-api.ts'

const CONNECT_WITHIN = 10_000
const ANSWER_WITHIN = 30_000
/** Bytes of one answer to a fetch, for all its partitions. */
const FETCH_BYTES = 16 * 1024 * 1024
/** Where in time: Kafka's own words for the ends of a partition. */
const PLACES = { earliest: -2n, latest: -1n, end: -1n }
/** A transaction coordinator's kind of key. */
const TRANSACTION = 1
const NO_PRODUCER: ProducerId = { id: -1n, epoch: -1 }
/** Leaders that are asked for again after one of these. */
const MOVED = [3, 5, 6, 9, 56, 72, 74, 75, 76, 100]

/** What a coordinator calls it when a transaction has ended, or is about to. */
const ENDS: Readonly<Record<string, LastTransaction['end']>> = {
  CompleteCommit: 'commit',
  CompleteAbort: 'abort',
  PrepareCommit: 'ending',
  PrepareAbort: 'ending',
  PrepareEpochFence: 'ending',
}

type Driver = Awaited<ReturnType<typeof loadDriver>>
type Cluster = ReturnType<Client['createCluster']>

/** Why the last broker could not be used: the client says so to its logger alone. */
let lastReason = ''

/**
 * Connects to a Kafka cluster, and again whenever a connection has broken and something is asked.
 *
 * @throws KafkaError where no broker can be reached, or none lets us in
 */
export const openCluster = async (
  options: KafkaConnectionOptions,
  runtime: Runtime,
): Promise<KafkaCluster> => {
  const driver = await loadDriver()
  const { clientId = 'tidemark', tls, sasl, connectTimeout, requestTimeout } = options.client ?? {}
  const client = driver.createKafkaClient({
    clientId,
    bootstrapServers: brokerAddresses(options.brokers).map((address) => ({ ...address })),
    ssl: tlsOf(tls),
    sasl: saslOf(sasl, driver),
    connectTimeout: connectTimeout ?? CONNECT_WITHIN,
    requestTimeout: requestTimeout ?? ANSWER_WITHIN,
  })
  const cluster = new KafkaTsCluster(client.createCluster(), {
    driver,
    runtime,
    brokers: options.brokers.join(', '),
    patience: requestTimeout ?? ANSWER_WITHIN,
  })
  await cluster.connect()
  return cluster
}

class KafkaTsCluster implements KafkaCluster, TransactionWire {
  readonly runtime: Runtime
  readonly #cluster: Cluster
  readonly #driver: Driver
  readonly #brokers: string
  readonly #patience: number
  readonly #leaders = new Map<string, number>()
  readonly #coordinators = new Map<string, number>()
  #broken = false

  constructor(
    cluster: Cluster,
    ends: {
      readonly driver: Driver
      readonly runtime: Runtime
      readonly brokers: string
      readonly patience: number
    },
  ) {
    this.#cluster = cluster
    this.#driver = ends.driver
    this.runtime = ends.runtime
    this.#brokers = ends.brokers
    this.#patience = ends.patience
  }

  async connect(): Promise<void> {
    lastReason = ''
    await this.#cluster.connect().catch((cause: unknown) => {
      throw this.#failure('connect', cause)
    })
  }

  async topics(names: readonly string[]): Promise<ReadonlyMap<string, TopicFacts>> {
    const asked = names.map((name) => ({ id: null, name }))
    const { METADATA } = this.#driver.API
    const { topics } = await this.#answered(() =>
      this.#ask(null, METADATA, { topics: asked, allowTopicAutoCreation: false }),
    )
    const found = new Map<string, TopicFacts>()
    for (const { name, topicId, partitions, errorCode } of topics) {
      if (errorCode === CODE.unknownTopicOrPartition) continue
      if (errorCode !== 0 && partitions.length === 0) throw this.#refused(name, errorCode)
      for (const { partitionIndex, leaderId } of partitions) {
        this.#leaders.set(nameOf({ topic: name, partition: partitionIndex }), leaderId)
      }
      const numbers = partitions.map(({ partitionIndex }) => partitionIndex)
      found.set(name, { id: topicId ?? '', partitions: numbers.sort((a, b) => a - b) })
    }
    return found
  }

  async createTopic(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    const configs = Object.entries(config).map(([key, value]) => ({ name: key, value }))
    const topics = [{ name, numPartitions: 1, replicationFactor: -1, configs }]
    try {
      await this.#ask(null, this.#driver.API.CREATE_TOPICS, { topics, timeoutMs: this.#patience })
    } catch (error) {
      if (!hasCode(error, CODE.topicAlreadyExists)) throw error
    }
  }

  async offsetAt(where: TopicPartition, at: OffsetAt): Promise<bigint> {
    const time = typeof at === 'number' ? BigInt(Math.trunc(at)) : PLACES[at]
    const { topics } = await this.#answered(async () =>
      this.#ask(await this.leaderOf(where), this.#driver.API.LIST_OFFSETS, {
        replicaId: -1,
        isolationLevel: at === 'end' ? 0 : 1,
        topics: [
          {
            name: where.topic,
            partitions: [
              { partitionIndex: where.partition, currentLeaderEpoch: -1, timestamp: time },
            ],
          },
        ],
      }),
    )
    const found = topics[0]?.partitions[0]
    const code = found?.errorCode ?? CODE.unknownTopicOrPartition
    if (found === undefined || code !== 0) throw this.#partitionRefused(where, code)
    if (found.offset >= 0n || typeof at !== 'number') return found.offset
    return this.offsetAt(where, 'latest')
  }

  async leaderOf(where: TopicPartition): Promise<number> {
    const name = nameOf(where)
    if (!this.#leaders.has(name)) await this.topics([where.topic])
    const leader = this.#leaders.get(name)
    if (leader === undefined) throw this.#refused(name, CODE.unknownTopicOrPartition)
    if (leader >= 0) return leader
    this.#leaders.delete(name)
    throw new KafkaError(`Partition ${name} has no leader now.`, {
      kafkaCode: CODE.leaderNotAvailable,
    })
  }

  async fetch(
    leader: number,
    wanted: readonly Wanted[],
    { maxWait }: { readonly maxWait: number },
  ): Promise<readonly Fetched[]> {
    const raw = await this.#ask(leader, FETCH, {
      maxWait,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      readUncommitted: false,
      topics: byTopic(wanted, ({ partition, offset, maxBytes }) => ({
        partition,
        offset,
        maxBytes,
      })),
    })
    if (raw.errorCode !== 0) throw this.#refused('fetch', raw.errorCode)
    const asked = new Map(wanted.map((each) => [nameOf(each), each]))
    return raw.topics.flatMap(({ topic, partitions }) =>
      partitions.flatMap((each) => {
        const of = asked.get(nameOf({ topic, partition: each.partition }))
        if (of === undefined) return []
        if (each.errorCode === 0) return [committedOf(of, each)]
        const error = this.#partitionRefused(of, each.errorCode)
        const { partition, offset: next } = of
        return [{ topic, partition, records: [], next, end: -1n, unreadable: null, error }]
      }),
    )
  }

  producer({ compression }: { readonly compression: Compression }): Producer {
    return new IdempotentProducer(this, compression)
  }

  transactions(id: string, options: TransactionOptions): Transactions {
    return new CoordinatedTransactions(this, id, options)
  }

  async initProducer(
    id: string | null,
    known: ProducerId | null,
    timeout: number,
  ): Promise<ProducerId> {
    const { id: producerId, epoch: producerEpoch } = known ?? NO_PRODUCER
    const api = pinned(this.#driver.API.INIT_PRODUCER_ID, 4)
    const body = { transactionalId: id, transactionTimeoutMs: timeout, producerId, producerEpoch }
    const made =
      id === null ? await this.#ask(null, api, body) : await this.#askCoordinator(id, api, body)
    return { id: made.producerId, epoch: made.producerEpoch }
  }

  async produce(transactionalId: string | null, batches: readonly Batch[]): Promise<void> {
    const byLeader = new Map<number, Batch[]>()
    for (const batch of batches) {
      const leader = await this.leaderOf(batch)
      const group = byLeader.get(leader) ?? []
      byLeader.set(leader, group)
      group.push(batch)
    }
    await Promise.all(
      [...byLeader].map(async ([leader, group]) => {
        const topics = byTopic(group, ({ partition, bytes }) => ({ partition, batch: bytes }))
        const body = { transactionalId, timeout: this.#patience, topics }
        this.#check(await this.#ask(leader, PRODUCE, body))
      }),
    )
  }

  async addPartitions(
    id: string,
    producer: ProducerId,
    partitions: readonly TopicPartition[],
  ): Promise<void> {
    await this.#askCoordinator(id, pinned(this.#driver.API.ADD_PARTITIONS_TO_TXN, 3), {
      v3AndBelowTransactionalId: id,
      v3AndBelowProducerId: producer.id,
      v3AndBelowProducerEpoch: producer.epoch,
      v3AndBelowTopics: byTopic(partitions, ({ partition }) => partition).map((each) => ({
        name: each.topic,
        partitions: each.partitions,
      })),
    })
  }

  async endTransaction(id: string, producer: ProducerId, committed: boolean): Promise<void> {
    await this.#askCoordinator(id, pinned(this.#driver.API.END_TXN, 3), {
      transactionalId: id,
      producerId: producer.id,
      producerEpoch: producer.epoch,
      committed,
    })
  }

  async lastTransaction(id: string): Promise<LastTransaction | null> {
    const { DESCRIBE_TRANSACTIONS } = this.#driver.API
    try {
      const body = { transactionalIds: [id] }
      const { transactionStates } = await this.#askCoordinator(id, DESCRIBE_TRANSACTIONS, body)
      const [found] = transactionStates
      if (found === undefined) return null
      const { producerId, producerEpoch: epoch, transactionState } = found
      return { producer: { id: producerId, epoch }, end: ENDS[transactionState ?? ''] ?? 'unknown' }
    } catch (error) {
      if (hasCode(error, CODE.transactionalIdNotFound) || isTooOld(error)) return null
      throw error
    }
  }

  async openTransactions(where: TopicPartition): Promise<readonly OpenTransaction[]> {
    if (!(await this.topics([where.topic])).has(where.topic)) return []
    const { topic: name, partition } = where
    const body = { topics: [{ name, partitionIndexes: [partition] }] }
    try {
      const leader = await this.leaderOf(where)
      const { topics } = await this.#answered(() =>
        this.#ask(leader, this.#driver.API.DESCRIBE_PRODUCERS, body),
      )
      const found = topics[0]?.partitions[0]
      const code = found?.errorCode ?? CODE.unknownTopicOrPartition
      if (found === undefined || code !== 0) throw this.#partitionRefused(where, code)
      return found.activeProducers
        .filter(({ currentTxnStartOffset }) => currentTxnStartOffset >= 0n)
        .map(({ producerId, producerEpoch, currentTxnStartOffset, coordinatorEpoch }) => ({
          producerId,
          producerEpoch,
          since: currentTxnStartOffset,
          coordinatorEpoch: Math.max(coordinatorEpoch, 0),
        }))
    } catch (error) {
      // Who may only write to a topic is not told.
      if (isTooOld(error) || hasCode(error, CODE.topicAuthorizationFailed)) return []
      throw error
    }
  }

  async tellEnd(where: TopicPartition, open: OpenTransaction, committed: boolean): Promise<void> {
    const { producerId, producerEpoch, coordinatorEpoch } = open
    const topics = [{ name: where.topic, partitionIndexes: [where.partition] }]
    await this.#ask(await this.leaderOf(where), this.#driver.API.WRITE_TXN_MARKERS, {
      markers: [
        { producerId, producerEpoch, coordinatorEpoch, transactionResult: committed, topics },
      ],
    })
  }

  async close(): Promise<void> {
    await this.#cluster.disconnect()
  }

  #check({ topics }: RawProduced): void {
    for (const { topic, partitions } of topics) {
      for (const { partition, errorCode, message } of partitions) {
        if (errorCode === 0) continue
        throw this.#partitionRefused({ topic, partition }, errorCode, message)
      }
    }
  }

  async #askCoordinator<Q, R>(id: string, api: Api<Q, R | Promise<R>>, body: Q): Promise<R> {
    try {
      return await this.#ask(await this.#coordinatorOf(id), api, body)
    } catch (error) {
      if (!hasCode(error, CODE.concurrentTransactions)) this.#coordinators.delete(id)
      throw error
    }
  }

  async #coordinatorOf(id: string): Promise<number> {
    const known = this.#coordinators.get(id)
    if (known !== undefined) return known
    const { FIND_COORDINATOR } = this.#driver.API
    const body = { keyType: TRANSACTION, keys: [id] }
    const { coordinators } = await this.#ask(null, FIND_COORDINATOR, body)
    const found = coordinators[0]
    if (found === undefined || found.errorCode !== 0) {
      throw this.#refused(`the coordinator of ${id}`, found?.errorCode ?? 15)
    }
    this.#coordinators.set(id, found.nodeId)
    return found.nodeId
  }

  /** Asks one broker, or any. */
  async #ask<Q, R>(node: number | null, api: Api<Q, R | Promise<R>>, body: Q): Promise<R> {
    try {
      if (this.#broken || node === null) await this.#cluster.ensureConnected()
      this.#broken = false
      const request = { ...api }
      return await (node === null
        ? this.#cluster.sendRequest<Q, R>(request, body)
        : this.#cluster.sendRequestToNode(node)<Q, R>(request, body))
    } catch (cause) {
      throw this.#failure(apiName(this.#driver, api.apiKey), cause)
    }
  }

  /** An answer in which some parts say that they failed is an answer. */
  async #answered<R>(ask: () => Promise<R>): Promise<R> {
    try {
      return await ask()
    } catch (error) {
      const { cause } = error as Error
      if (cause instanceof this.#driver.KafkaTSApiError && 'topics' in Object(cause.response)) {
        return cause.response as R
      }
      throw error
    }
  }

  #failure(doing: string, cause: unknown): KafkaError {
    const { KafkaTSApiError, KafkaTSError, ConnectionError } = this.#driver
    if (cause instanceof KafkaError) return cause
    if (cause instanceof KafkaTSApiError) {
      return new KafkaError(`Kafka refused ${doing}: ${cause.message} (${cause.errorCode}).`, {
        cause,
        kafkaCode: cause.errorCode,
      })
    }
    this.#broken = true
    this.#leaders.clear()
    const message = cause instanceof Error ? cause.message : String(cause)
    if (cause instanceof ConnectionError) {
      const text = `The connection to Kafka (${this.#brokers}) broke at ${doing}: ${message}.`
      return new KafkaError(text, { cause, retryable: true })
    }
    if (!(cause instanceof KafkaTSError)) {
      return new KafkaError(`Kafka could not be understood at ${doing}: ${message}.`, { cause })
    }
    const why = lastReason === '' ? message : lastReason
    return new KafkaError(
      `No Kafka broker can be used at ${this.#brokers}: ${why}. Look at \`brokers\`, and at \`client\` for TLS and credentials.`,
      { cause, retryable: !/SASL|AUTH|certificate|ssl|tls/i.test(why) },
    )
  }

  #refused(
    what: string,
    kafkaCode: number,
    { more = null, ...options }: { readonly more?: string | null; readonly retryable?: true } = {},
  ): KafkaError {
    const name = codeName(this.#driver, kafkaCode)
    const text = more === null || more === '' ? '' : `: ${more}`
    const message = `Kafka refused ${what}: ${name} (${kafkaCode})${text}.`
    return new KafkaError(message, { kafkaCode, ...options })
  }

  /**
   * What the leader of a partition says. One that does not know it was named by a broker that does:
   * it has not heard of it yet, or the other not of its end; so the others are asked once more, and
   * theirs is the last word.
   */
  #partitionRefused(where: TopicPartition, code: number, more: string | null = null): KafkaError {
    if (MOVED.includes(code)) this.#leaders.delete(nameOf(where))
    const what = `partition ${where.partition} of topic "${where.topic}"`
    const unknown = code === CODE.unknownTopicOrPartition
    return this.#refused(what, code, unknown ? { more, retryable: true } : { more })
  }
}

/** As requests have it: partitions by topic. */
const byTopic = <P extends TopicPartition, R>(
  partitions: readonly P[],
  make: (partition: P) => R,
): { topic: string; partitions: R[] }[] => {
  const topics = new Map<string, R[]>()
  for (const each of partitions) {
    const group = topics.get(each.topic) ?? []
    topics.set(each.topic, group)
    group.push(make(each))
  }
  return [...topics].map(([topic, group]) => ({ topic, partitions: group }))
}

/** A request in the newest version up to one; later ones belong to another transaction protocol. */
const pinned = <A extends { readonly apiVersion: number; readonly fallback?: A }>(
  api: A,
  version: number,
): A => {
  let found = api
  while (found.apiVersion > version && found.fallback !== undefined) found = found.fallback
  return found
}

/** The client's own words, before it asks, for what a broker has not learned yet. */
const isTooOld = (error: unknown): boolean =>
  error instanceof KafkaError &&
  error.cause instanceof Error &&
  error.cause.message.startsWith('Broker does not support API')

const apiName = ({ API }: Driver, key: number): string =>
  Object.entries(API).find(([, { apiKey }]) => apiKey === key)?.[0] ?? `request ${key}`

const codeName = ({ API_ERROR }: Driver, code: number): string =>
  Object.entries(API_ERROR).find(([, value]) => value === code)?.[0] ?? 'UNKNOWN'

const tlsOf = (tls: boolean | KafkaTls | undefined) => {
  if (tls === undefined || tls === false) return null
  if (tls === true) return {}
  const { ca, ...rest } = tls
  return ca === undefined ? rest : { ...rest, ca: [ca].flat() }
}

const saslOf = (sasl: KafkaClientOptions['sasl'], driver: Driver): SASLProvider | null => {
  switch (sasl?.mechanism) {
    case undefined:
      return null
    case 'plain':
      return driver.saslPlain(sasl)
    case 'scram-sha-256':
      return driver.saslScramSha256(sasl)
    case 'scram-sha-512':
      return driver.saslScramSha512(sasl)
    case 'oauthbearer':
      return driver.oAuthBearer(async () => ({ access_token: await sasl.token() }))
  }
}

const loadDriver = async () => {
  try {
    const driver = await import('kafka-ts')
    const quiet = (): void => {}
    const warn = (_message: string, facts?: unknown): void => {
      if (typeof facts === 'object' && facts !== null && 'reason' in facts) {
        lastReason = String(facts.reason)
      }
    }
    driver.setLogger({ debug: quiet, info: quiet, warn, error: quiet })
    return driver
  } catch (cause) {
    throw new ConnectorError(
      'The Kafka connector needs the package "kafka-ts": npm install kafka-ts.',
      { cause },
    )
  }
}
