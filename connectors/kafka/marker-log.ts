import { ConnectorError } from '../../lib/errors/errors.ts'
import type { KafkaCluster, StoredRecord, Write } from './cluster.ts'
import { CODE, KafkaError } from './kafka-error.ts'
import type { TopicPartition } from './message.ts'

/** How far a slot is. */
export interface Marker {
  readonly execution: number
  /** The last epoch that was delivered. */
  readonly epoch: number | null
}

const FETCH_BYTES = 4 * 1024 * 1024
const MAX_WAIT = 100
/** Looks at the end of the log, before somebody else is asked to wait for an open transaction. */
const LOOKS = 10
/** Kept for ever, a line for each slot, and tidied often enough to be read in a moment. */
const CONFIG = {
  'cleanup.policy': 'compact',
  'segment.ms': '3600000',
  'segment.bytes': '16777216',
  'min.cleanable.dirty.ratio': '0.1',
  'retention.ms': '-1',
}

/**
 * The markers of all slots, in a compacted topic of one partition: unlike the offsets of a consumer
 * group they never expire, and a marker changes in the transaction of what it marks.
 */
export class MarkerLog {
  readonly where: TopicPartition
  readonly #cluster: KafkaCluster
  readonly #topic: string
  readonly #markers = new Map<string, Marker>()
  #next = 0n
  #reading: Promise<void> = Promise.resolve()
  /** Turns that have not begun: who comes meanwhile shares them. */
  readonly #turns = new Map<'latest' | 'end', Promise<void>>()
  #made = false

  constructor(cluster: KafkaCluster, topic: string) {
    this.#cluster = cluster
    this.#topic = topic
    this.where = { topic, partition: 0 }
  }

  /** The marker as far as it can be read at once: a transaction that is open may hide a later one. */
  peek(key: string): Promise<Marker | null> {
    return this.#readTo('latest', key)
  }

  /** The marker as of now or later: what is committed of everything written before this call. */
  read(key: string): Promise<Marker | null> {
    return this.#readTo('end', key)
  }

  async #readTo(place: 'latest' | 'end', key: string): Promise<Marker | null> {
    await (this.#turns.get(place) ?? this.#newTurn(place))
    return this.#markers.get(key) ?? null
  }

  #newTurn(place: 'latest' | 'end'): Promise<void> {
    const turn = this.#reading.then(() => {
      this.#turns.delete(place)
      return this.#catchUp(place)
    })
    this.#turns.set(place, turn)
    this.#reading = turn.catch(() => {})
    return turn
  }

  /** To be written beside what it marks. */
  write(key: string, marker: Marker, timestamp: number): Write {
    const value = Buffer.from(JSON.stringify(marker))
    const records = [{ key: Buffer.from(key), value, timestamp, headers: [] }]
    return { ...this.where, records }
  }

  async #catchUp(place: 'latest' | 'end'): Promise<void> {
    await this.#make()
    const { where } = this
    const end = await this.#cluster.offsetAt(where, place)
    const start = await this.#cluster.offsetAt(where, 'earliest')
    if (start > this.#next) this.#next = start
    for (let looks = 0; this.#next < end; looks += 1) {
      const leader = await this.#cluster.leaderOf(where)
      const wanted = { ...where, offset: this.#next, maxBytes: FETCH_BYTES }
      const [fetched] = await this.#cluster.fetch(leader, [wanted], { maxWait: MAX_WAIT })
      if (fetched === undefined || fetched.error !== null) {
        throw fetched?.error ?? new KafkaError('Kafka gave no markers.', { retryable: true })
      }
      if (fetched.unreadable !== null) throw this.#strange(fetched.unreadable.error)
      for (const record of fetched.records) this.#take(record)
      if (fetched.next > this.#next) looks = 0
      this.#next = fetched.next
      if (looks === LOOKS) throw await this.#blocked()
    }
  }

  /** By whom, so that people can help where brokers have lost track of a transaction. */
  async #blocked(): Promise<KafkaError> {
    const { topic, partition } = this.where
    const open = await this.#cluster.openTransactions(this.where)
    const [first] = [...open].sort((a, b) => (a.since < b.since ? -1 : 1))
    const who = first === undefined ? '' : ` of producer ${first.producerId}`
    const ends =
      first === undefined
        ? ''
        : ` One that outlives its timeout has been lost by the brokers: the flow that wrote it ends it when it starts; if there is none any more, kafka-transactions.sh abort --topic ${topic} --partition ${partition} --start-offset ${first.since}.`
    return new KafkaError(
      `A transaction${who} is open in partition ${partition} of topic "${topic}", and hides the markers behind it.${ends}`,
      { retryable: true },
    )
  }

  async #make(): Promise<void> {
    if (this.#made) return
    if (!(await this.#isThere())) {
      await this.#cluster.createTopic(this.#topic, CONFIG)
      // It is made when the controller says so; the brokers hear of it a moment later.
      if (!(await this.#isThere())) {
        throw new KafkaError(`The topic "${this.#topic}" was made, and is not known yet.`, {
          kafkaCode: CODE.unknownTopicOrPartition,
          retryable: true,
        })
      }
    }
    this.#made = true
  }

  async #isThere(): Promise<boolean> {
    return (await this.#cluster.topics([this.#topic])).has(this.#topic)
  }

  #take({ key, value }: StoredRecord): void {
    if (key === null) throw this.#strange('a message without a key')
    if (value === null) this.#markers.delete(key.toString())
    else this.#markers.set(key.toString(), this.#parse(value.toString()))
  }

  #parse(text: string): Marker {
    try {
      const { execution, epoch } = JSON.parse(text)
      if (isCount(execution) && (epoch === null || isCount(epoch))) return { execution, epoch }
    } catch {
      // Told below.
    }
    throw this.#strange(JSON.stringify(text.slice(0, 60)))
  }

  #strange(what: string): ConnectorError {
    return new ConnectorError(
      `The topic "${this.#topic}" holds something that is not ours: ${what}. Name another by \`markers\`.`,
    )
  }
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
