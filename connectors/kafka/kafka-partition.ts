import { EOF, type Polled, StatefulSourcePartition } from '../../lib/flow/source.ts'
import type { Fetched, StoredRecord, Unreadable, Wanted } from './cluster.ts'
import type { Feed, Fetcher } from './fetcher.ts'
import { CODE, hasCode, isPassing, KafkaError } from './kafka-error.ts'
import type { KafkaInputError, KafkaMessage, TopicPartition } from './message.ts'

/** Where a partition is read on; plain data. */
export interface KafkaPosition {
  /** Of the next message. */
  readonly offset: bigint
  /** The topic's own id; empty where brokers are too old to say. */
  readonly topicId: string
}

/** Bytes that a partition asks for at a time. */
const FETCH_BYTES = 1024 * 1024
/** A topic that is not there may only not be known everywhere: so often it is asked for again. */
const UNKNOWN_TRIES = 8

/** What a partition needs to know of its source. */
export interface PartitionFacts extends TopicPartition {
  readonly position: KafkaPosition
  /** Where it ends; `null` for never. */
  readonly until: bigint | null
  readonly batchSize: number
  readonly raiseOnErrors: boolean
  /** What becomes of messages that were dropped before they were read. */
  readonly missing: 'fail' | 'skip'
  /** Asks where the partition begins. */
  readonly start: () => Promise<bigint>
  readonly closed: () => Promise<void>
}

type Item = KafkaMessage | KafkaInputError

const NO_HEADERS: Record<string, Buffer> = Object.freeze({})

/** One partition of a topic. */
export class KafkaPartition extends StatefulSourcePartition<Item, KafkaPosition> implements Feed {
  readonly #facts: PartitionFacts
  readonly #fetcher: Fetcher
  /** Fetched and not handed over yet, from `#head` on. */
  #waiting: Item[] = []
  #head = 0
  /** Where to fetch next, and behind what was handed over. */
  #next: bigint
  #position: bigint
  #until: bigint | null
  #end: bigint | null = null
  #failure: unknown = null
  #refusals = 0
  #told = false
  #finding = false
  #wake: (() => void) | null = null

  constructor(fetcher: Fetcher, facts: PartitionFacts) {
    super()
    this.#fetcher = fetcher
    this.#facts = facts
    this.#next = facts.position.offset
    this.#position = facts.position.offset
    this.#until = facts.until
    fetcher.add(this)
  }

  override nextBatch(): Polled<Item> | Promise<Polled<Item>> {
    const items = this.#take()
    if (items.length > 0) return items
    if (this.#failure !== null) throw this.#failure
    return this.#ended ? EOF : this.#wait()
  }

  override snapshot(): KafkaPosition {
    return { offset: this.#position, topicId: this.#facts.position.topicId }
  }

  /** Messages that are committed and were not handed over yet; `null` before the first answer. */
  override lag(): number | null {
    if (this.#end === null) return null
    return this.#end > this.#position ? Number(this.#end - this.#position) : 0
  }

  override async close(): Promise<void> {
    this.#fetcher.remove(this)
    this.#awaken()
    await this.#facts.closed()
  }

  wants(): Wanted | null {
    const { topic, partition, batchSize } = this.#facts
    if (this.#finding || this.#failure !== null || this.#read) return null
    if (this.#waiting.length - this.#head >= 2 * batchSize) return null
    return { topic, partition, offset: this.#next, maxBytes: FETCH_BYTES }
  }

  take({ records, next, end, unreadable }: Fetched): void {
    const until = this.#until
    this.#refusals = 0
    this.#told = false
    this.#end = end
    for (const record of records) {
      if (until !== null && record.offset >= until) break
      this.#waiting.push(this.#messageOf(record))
    }
    if (unreadable !== null && (until === null || unreadable.offset < until)) {
      this.#tell(this.#unreadableError(unreadable), unreadable.bytes)
    }
    this.#next = next
    this.#moveOn()
    if (this.#waiting.length > this.#head || this.#failure !== null || this.#ended) this.#awaken()
  }

  failed(error: unknown): 'now' | 'later' | 'never' {
    if (isPassing(error)) return 'later'
    if (hasCode(error, CODE.offsetOutOfRange)) {
      this.#finding = true
      void this.#findStart(error)
      return 'now'
    }
    this.#refusals += 1
    if (hasCode(error, CODE.unknownTopicOrPartition) && this.#refusals <= UNKNOWN_TRIES) {
      return 'later'
    }
    return this.#giveUp(error)
  }

  /** Where errors are items, a partition that is read for ever tells one, and is asked again. */
  #giveUp(error: unknown): 'later' | 'never' {
    if (!this.#told) this.#tell(error, null)
    this.#told = true
    const tails = this.#facts.until === null && this.#failure === null
    if (!tails && this.#failure === null) this.#until = this.#next
    this.#awaken()
    return tails ? 'later' : 'never'
  }

  async #wait(): Promise<Polled<Item>> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#fetcher.poke(this)
    })
    const items = this.#take()
    if (items.length > 0) return items
    if (this.#failure !== null) throw this.#failure
    return this.#ended ? EOF : items
  }

  #take(): Item[] {
    const { batchSize } = this.#facts
    const until = Math.min(this.#head + batchSize, this.#waiting.length)
    const items = this.#waiting.slice(this.#head, until)
    this.#head = until
    const last = items.at(-1)
    if (last !== undefined) this.#position = last.offset + 1n
    if (this.#head === this.#waiting.length) {
      this.#waiting = []
      this.#head = 0
    } else if (this.#head >= 4 * batchSize) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
    this.#moveOn()
    this.#fetcher.poke(this)
    return items
  }

  /** With nothing left before it, what is no message is behind the position too. */
  #moveOn(): void {
    if (this.#waiting.length > this.#head) return
    const until = this.#until
    const next = until !== null && until < this.#next ? until : this.#next
    if (next > this.#position) this.#position = next
  }

  get #read(): boolean {
    const until = this.#until
    return until !== null && this.#next >= until
  }

  get #ended(): boolean {
    return this.#read && this.#waiting.length === this.#head
  }

  #awaken(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  /** What was to be read next is not there: dropped by age or size, or lost. */
  async #findStart(cause: unknown): Promise<void> {
    const { topic, partition, missing } = this.#facts
    try {
      const start = await this.#facts.start()
      if (start <= this.#next) {
        this.#failure = new KafkaError(
          `Partition ${partition} of topic "${topic}" ends before offset ${this.#next}, though everything up to it was read: it has lost messages that it had acknowledged. Restore the topic, or begin anew without this recovery store.`,
          { cause, kafkaCode: CODE.offsetOutOfRange },
        )
      } else {
        if (missing === 'fail') this.#tell(this.#droppedError(start, cause), null)
        this.#next = start
        this.#moveOn()
      }
    } catch (error) {
      if (!isPassing(error)) this.#failure = error
    }
    this.#finding = false
    this.#awaken()
    this.#fetcher.poke(this)
  }

  /** An error is an item, or the end. */
  #tell(error: unknown, bytes: Buffer | null): void {
    if (this.#facts.raiseOnErrors) {
      this.#failure ??= error
      return
    }
    const { topic, partition } = this.#facts
    this.#waiting.push({
      topic,
      partition,
      offset: this.#next,
      kafkaCode: error instanceof KafkaError ? error.kafkaCode : null,
      error: error instanceof Error ? error.message : String(error),
      bytes: bytes === null ? null : Buffer.from(bytes),
    })
  }

  #unreadableError({ offset, error }: Unreadable): KafkaError {
    const { topic, partition } = this.#facts
    return new KafkaError(
      `The batch at offset ${offset} of partition ${partition} of topic "${topic}" can't be read: ${error}. \`raiseOnErrors: false\` passes over it and gives its bytes.`,
      { kafkaCode: CODE.corruptMessage, retryable: false },
    )
  }

  #droppedError(start: bigint, cause: unknown): KafkaError {
    const { topic, partition } = this.#facts
    return new KafkaError(
      `Partition ${partition} of topic "${topic}" dropped messages ${this.#next} to ${start - 1n} before they were read; \`missing: 'skip'\` goes on without them.`,
      { cause, kafkaCode: CODE.offsetOutOfRange },
    )
  }

  #messageOf({ key, value, offset, timestamp, headers }: StoredRecord): KafkaMessage {
    const { topic, partition } = this.#facts
    return {
      key,
      value,
      topic,
      partition,
      offset,
      timestamp,
      headers: headers.length === 0 ? NO_HEADERS : recordOf(headers),
    }
  }
}

const recordOf = (headers: StoredRecord['headers']): Record<string, Buffer> => {
  const record: Record<string, Buffer> = {}
  for (const [name, value] of headers) if (name !== '__proto__') record[name] = value
  return record
}
