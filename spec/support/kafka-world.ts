import { open, readFile } from 'node:fs/promises'
import { API, type Client, createKafkaClient } from 'kafka-ts'
import type { KafkaCluster, Write } from '../../connectors/kafka/cluster.ts'
import { openCluster } from '../../connectors/kafka/driver.ts'
import { CODE, hasCode, isPassing, KafkaError } from '../../connectors/kafka/kafka-error.ts'
import type { KafkaRecord } from '../../connectors/kafka/message.ts'
import { Pauses } from '../../connectors/kafka/pauses.ts'
import { encodeBatch } from '../../connectors/kafka/record-batch.ts'
import type { ProducerId, TransactionWire } from '../../connectors/kafka/wire.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { hasKafka, INSTALL_KAFKA, KafkaBroker, type SecureDoor } from './kafka-broker.ts'

/** One for all files of a run: it takes seconds to start, and is gone with the process. */
let shared: Promise<KafkaBroker> | null = null
let worlds = 0
/** A kind of thing that has settings. */
const BROKER = 4
/** What a coordinator may be for. */
const TRANSACTION = 1

/** A message as specs look at it. */
export interface Held {
  readonly key: string | null
  readonly value: string | null
  readonly partition: number
}

export const record = (value: string | Buffer | null, key: string | null = null): KafkaRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: typeof value === 'string' ? Buffer.from(value) : value,
  timestamp: 1_700_000_000_000,
  headers: [],
})

/** A broker of the specs' own, with clients to look into it. */
export class KafkaWorld {
  readonly broker: KafkaBroker
  readonly #all: readonly KafkaBroker[]
  readonly cluster: KafkaCluster
  readonly #admin: ReturnType<Client['createCluster']>
  readonly #prefix: string
  readonly #own: boolean
  #made = 0

  private constructor(
    all: readonly KafkaBroker[],
    clients: {
      readonly cluster: KafkaCluster
      readonly admin: ReturnType<Client['createCluster']>
      readonly own: boolean
    },
  ) {
    worlds += 1
    this.#prefix = `w${worlds}-t`
    this.#own = clients.own
    this.#all = all
    this.broker = all[0] as KafkaBroker
    this.cluster = clients.cluster
    this.#admin = clients.admin
  }

  /** What a spec that needs a broker is named where there is none. */
  static titled(title: string): string {
    return hasKafka() ? title : `${title} (skipped: ${INSTALL_KAFKA})`
  }

  static get missing(): boolean {
    return !hasKafka()
  }

  /** Clients of the broker that all files share. */
  static async shared(): Promise<KafkaWorld> {
    shared ??= KafkaBroker.make()
    return KafkaWorld.#of([await shared], false)
  }

  /** With a broker of its own, to be killed, or with another door. */
  static async make(door: SecureDoor | null = null): Promise<KafkaWorld> {
    return KafkaWorld.#of([await KafkaBroker.make(door)], true)
  }

  /** With several brokers of its own, each of which has all of every topic. */
  static async cluster(size: number): Promise<KafkaWorld> {
    return KafkaWorld.#of(await KafkaBroker.cluster(size), true)
  }

  static async #of(all: readonly KafkaBroker[], own: boolean): Promise<KafkaWorld> {
    const brokers = all.map(({ address }) => address)
    const cluster = await openCluster({ brokers }, systemRuntime)
    const client = createKafkaClient({
      bootstrapServers: all.map(({ port }) => ({ host: '127.0.0.1', port })),
    })
    const admin = client.createCluster()
    await admin.connect()
    const world = new KafkaWorld(all, { cluster, admin, own })
    // Brokers begin to give out ids a while after they have started.
    await world.again(() => world.#wire.initProducer(null, null, 0))
    return world
  }

  get brokers(): readonly string[] {
    return this.#all.map(({ address }) => address)
  }

  /** The broker that everything of a partition goes to now. */
  async leaderOf(topic: string, partition: number): Promise<KafkaBroker> {
    const id = await this.again(async () => {
      await this.cluster.topics([topic])
      return this.cluster.leaderOf({ topic, partition })
    })
    return this.#all.find((broker) => broker.id === id) ?? this.broker
  }

  /** A name that no spec had before. */
  name(): string {
    this.#made += 1
    return `${this.#prefix}${this.#made}`
  }

  /** A new topic, every partition of which can be written. */
  async topic(partitions = 1, name: string = this.name()): Promise<string> {
    const topics = [{ name, numPartitions: partitions, replicationFactor: this.#all.length }]
    // The broker that it asks may have been killed since.
    await this.#admin.ensureConnected()
    await this.#admin.sendRequest(API.CREATE_TOPICS, { topics, timeoutMs: 60_000 })
    await this.ready(name, partitions)
    return name
  }

  /** A new topic of one partition that one broker alone has. */
  async topicAt(broker: KafkaBroker): Promise<string> {
    const name = this.name()
    const assignments = [{ partitionIndex: 0, brokerIds: [broker.id] }]
    await this.#admin.ensureConnected()
    await this.#admin.sendRequest(API.CREATE_TOPICS, {
      topics: [{ name, numPartitions: -1, replicationFactor: -1, assignments }],
      timeoutMs: 60_000,
    })
    await this.ready(name, 1)
    return name
  }

  /** A broker that may die without the transactions of an id. */
  async brokerBeside(id: string): Promise<KafkaBroker> {
    await this.again(() => this.#wire.initProducer(id, null, 60_000))
    const asked = { keyType: TRANSACTION, keys: [id] }
    await this.#admin.ensureConnected()
    const { coordinators } = await this.#admin.sendRequest(API.FIND_COORDINATOR, asked)
    const other = this.#all.find((broker) => broker.id !== coordinators[0]?.nodeId)
    if (other === undefined) throw new Error('there is but one broker')
    return other
  }

  /** Resolves when the brokers that live know that a partition has no leader. */
  async leaderless(topic: string): Promise<void> {
    for (const pauses = new Pauses(systemRuntime); ; await pauses.pass()) {
      try {
        await this.cluster.topics([topic])
        await this.cluster.leaderOf({ topic, partition: 0 })
      } catch (error) {
        if (hasCode(error, CODE.leaderNotAvailable)) return
        if (!isPassing(error)) throw error
      }
    }
  }

  /** Resolves when a topic has so many partitions with leaders. */
  async ready(topic: string, partitions: number): Promise<void> {
    for (let partition = 0; partition < partitions; partition += 1) {
      await this.again(() => this.cluster.offsetAt({ topic, partition }, 'end'))
    }
  }

  async addPartitions(name: string, count: number): Promise<void> {
    await this.#admin.sendRequest(API.CREATE_PARTITIONS, {
      topics: [{ name, count, assignments: null }],
      timeoutMs: 60_000,
      validateOnly: false,
    })
    await this.ready(name, count)
  }

  /** As retention does. */
  async dropBefore(name: string, partition: number, offset: bigint): Promise<void> {
    const leader = await this.cluster.leaderOf({ topic: name, partition })
    await this.#admin.sendRequestToNode(leader)(API.DELETE_RECORDS, {
      topics: [{ name, partitions: [{ partitionIndex: partition, offset }] }],
      timeoutMs: 60_000,
    })
  }

  async write(topic: string, values: readonly string[], partition = 0): Promise<void> {
    await this.send({ topic, partition, records: values.map((value) => record(value)) })
  }

  async send(write: Write): Promise<void> {
    const producer = this.cluster.producer({ compression: 'none' })
    await this.again(() => producer.send(write))
  }

  /** How far the partitions of a topic are committed: what ends a transaction counts too. */
  async size(topic: string, partitions: number): Promise<number> {
    let size = 0
    for (let partition = 0; partition < partitions; partition += 1) {
      size += Number(await this.again(() => this.cluster.offsetAt({ topic, partition }, 'latest')))
    }
    return size
  }

  /**
   * Everything committed, partition by partition, of all that was written before: brokers say that a
   * transaction is committed a moment before its messages can be read.
   */
  async held(topic: string): Promise<readonly Held[]> {
    const facts = (await this.again(() => this.cluster.topics([topic]))).get(topic)
    const held: Held[] = []
    for (const partition of facts?.partitions ?? []) {
      const where = { topic, partition }
      const end = await this.again(() => this.cluster.offsetAt(where, 'end'))
      for (let offset = 0n; offset < end; ) {
        const leader = await this.again(() => this.cluster.leaderOf(where))
        const wanted = [{ ...where, offset, maxBytes: 1_000_000 }]
        const [fetched] = await this.again(() =>
          this.cluster.fetch(leader, wanted, { maxWait: 100 }),
        )
        if (fetched === undefined) throw new Error(`nothing of ${topic}`)
        if (fetched.error !== null) throw fetched.error
        offset = fetched.next
        for (const { key, value } of fetched.records) {
          held.push({ key: key?.toString() ?? null, value: value?.toString() ?? null, partition })
        }
      }
    }
    return held
  }

  /** A message that its disk spoils: brokers hand out what lies there. */
  async writeBroken(topic: string): Promise<string> {
    await this.write(topic, ['to be broken'])
    const log = this.broker.logOf(topic, 0)
    const bytes = await readFile(log)
    const file = await open(log, 'r+')
    await file.write('is', bytes.indexOf('to be broken'))
    await file.close()
    return 'is be broken'
  }

  /** Leaves a transaction open, as who is killed in the middle of one does. */
  async leaveOpen(id: string, topics: readonly string[], value: string): Promise<ProducerId> {
    const cluster = this.#wire
    const producer = await this.again(() => cluster.initProducer(id, null, 60_000))
    const places = topics.map((topic) => ({ topic, partition: 0 }))
    await this.again(() => cluster.addPartitions(id, producer, places))
    const bytes = encodeBatch([record(value, 'nobody')], {
      producer: { ...producer, sequence: 0, transactional: true },
      compression: 'none',
    })
    const batches = places.map((place) => ({ ...place, bytes }))
    await this.again(() => cluster.produce(id, batches))
    return producer
  }

  /**
   * Leaves messages of an id's last transaction open where they lie, though its coordinator says that
   * all partitions know its end: it passes over those that have no leader as it ends one.
   */
  async leaveForgotten(id: string, writes: readonly Write[], committed: boolean): Promise<void> {
    const wire = this.#wire
    const producer = await this.again(() => wire.initProducer(id, null, 60_000))
    await this.again(() => wire.addPartitions(id, producer, writes))
    await this.again(() => wire.endTransaction(id, producer, committed))
    while ((await wire.lastTransaction(id))?.end === 'ending');
    // Leaders ask the coordinator whether a transaction is open there, unless they are told not to.
    await this.#verify(false)
    try {
      for (const { topic, partition, records } of writes) {
        const bytes = encodeBatch(records, {
          producer: { ...producer, sequence: 0, transactional: true },
          compression: 'none',
        })
        await this.again(async () => {
          try {
            await wire.produce(id, [{ topic, partition, bytes }])
          } catch (error) {
            // The broker hears of the setting a moment later.
            const early = hasCode(error, CODE.invalidTransactionState)
            throw early ? new KafkaError('too early', { cause: error, retryable: true }) : error
          }
        })
      }
    } finally {
      await this.#verify(true)
    }
  }

  async #verify(verifies: boolean): Promise<void> {
    const name = 'transaction.partition.verification.enable'
    const configs = [{ name, configOperation: 0, value: String(verifies) }]
    await this.#admin.sendRequest(API.INCREMENTAL_ALTER_CONFIGS, {
      resources: [{ resourceType: BROKER, resourceName: String(this.broker.id), configs }],
      validateOnly: false,
    })
  }

  async endTransaction(id: string, producer: ProducerId, committed: boolean): Promise<void> {
    await this.again(() => this.#wire.endTransaction(id, producer, committed))
  }

  /** A transaction with a message, that can be taken back. */
  async openTransaction(topic: string, value: string): Promise<{ abort(): Promise<void> }> {
    const id = this.name()
    const producer = await this.leaveOpen(id, [topic], value)
    return {
      abort: async () => {
        await this.#wire.endTransaction(id, producer, false)
        // The answer comes before the partition knows of it.
        const where = { topic, partition: 0 }
        const end = await this.cluster.offsetAt(where, 'end')
        while ((await this.cluster.offsetAt(where, 'latest')) < end);
      },
    }
  }

  get #wire(): TransactionWire {
    return this.cluster as KafkaCluster & TransactionWire
  }

  async values(topic: string): Promise<readonly (string | null)[]> {
    return (await this.held(topic)).map(({ value }) => value)
  }

  /** What brokers refuse while they come up is asked again. */
  async again<R>(body: () => Promise<R>): Promise<R> {
    const until = Date.now() + 60_000
    const pauses = new Pauses(systemRuntime)
    for (;;) {
      try {
        return await body()
      } catch (error) {
        // A topic that was just made is not known everywhere.
        const passing = isPassing(error) || String(error).includes('UNKNOWN_TOPIC_OR_PARTITION')
        if (!passing || Date.now() > until) throw error
      }
      await pauses.pass()
    }
  }

  async remove(): Promise<void> {
    await this.cluster.close()
    await this.#admin.disconnect()
    if (this.#own) await Promise.all(this.#all.map((broker) => broker.remove()))
  }
}
