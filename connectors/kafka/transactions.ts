import type { TransactionOptions, Transactions, Write } from './cluster.ts'
import type { Compression } from './compression.ts'
import { tellForgottenEnds } from './forgotten-end.ts'
import { CODE, hasCode, isPassing, KafkaError } from './kafka-error.ts'
import { nameOf, type TopicPartition } from './message.ts'
import { encodeBatch } from './record-batch.ts'
import {
  type Batch,
  batchEnd,
  type ProducerId,
  sequenceAfter,
  type TransactionWire,
} from './wire.ts'

/** Waits for the transaction before to be over: milliseconds, doubling up to the second. */
const SHORTEST_PAUSE = 10
const LONGEST_PAUSE = 200
const TRIES = 60

/** Said to who was shut out; and to who took longer than the transaction's timeout. */
const FENCED = [CODE.invalidProducerEpoch, CODE.producerFenced] as const

/**
 * Transactions under an id, by the protocol that all brokers since 2.5 speak.
 *
 * T1. `begin` takes the id without a word of who had it; every later epoch is asked for with the one
 *     we have, so that who was shut out stays out.
 * T2. A commit that failed leaves the epoch unusable: numbers of records are not known any more.
 */
export class CoordinatedTransactions implements Transactions {
  readonly #wire: TransactionWire
  readonly #id: string
  readonly #compression: Compression
  readonly #timeout: number
  readonly #sequences = new Map<string, number>()
  /** What the last transaction wrote to, as far as it is known. */
  #places: readonly TopicPartition[]
  #producer: ProducerId | null = null
  #usable = false

  constructor(wire: TransactionWire, id: string, options: TransactionOptions) {
    this.#wire = wire
    this.#id = id
    this.#compression = options.compression
    this.#timeout = options.timeout
    this.#places = options.places ?? []
  }

  begin(): Promise<void> {
    return this.#takeEpoch(null)
  }

  async settle(): Promise<void> {
    if (this.#producer === null) throw new KafkaError(`"${this.#id}" was not begun.`)
    if (!this.#usable) await this.#takeEpoch(this.#producer)
  }

  async commit(writes: readonly Write[]): Promise<void> {
    await this.settle()
    const producer = this.#producer as ProducerId
    this.#usable = false
    this.#places = writes.map(({ topic, partition }) => ({ topic, partition }))
    try {
      await this.#patiently(() => this.#wire.addPartitions(this.#id, producer, writes))
      await Promise.all(writes.map((write) => this.#write(write, producer)))
    } catch (error) {
      // What can't be written is taken back at once, so that readers need not wait for the timeout.
      if (!isPassing(error)) await this.#abort(producer)
      throw unsettled(error)
    }
    try {
      await this.#patiently(() => this.#wire.endTransaction(this.#id, producer, true))
    } catch (error) {
      throw unsettled(error)
    }
    this.#usable = true
  }

  async #takeEpoch(known: ProducerId | null): Promise<void> {
    this.#usable = false
    try {
      this.#producer = await this.#patiently(async () => {
        await tellForgottenEnds(this.#wire, this.#id, this.#places)
        return this.#wire.initProducer(this.#id, known, this.#timeout)
      })
    } catch (cause) {
      if (!hasCode(cause, ...FENCED)) throw cause
      throw new KafkaError(`Another producer has the transactional id "${this.#id}".`, {
        cause,
        kafkaCode: CODE.producerFenced,
      })
    }
    this.#sequences.clear()
    this.#usable = true
  }

  async #write({ topic, partition, records }: Write, producer: ProducerId): Promise<void> {
    const name = nameOf({ topic, partition })
    for (let from = 0; from < records.length; ) {
      const until = batchEnd(records, from)
      const sequence = this.#sequences.get(name) ?? 0
      const bytes = encodeBatch(records.slice(from, until), {
        producer: { ...producer, sequence, transactional: true },
        compression: this.#compression,
      })
      const batch: Batch = { topic, partition, bytes }
      await this.#wire.produce(this.#id, [batch])
      this.#sequences.set(name, sequenceAfter(sequence, until - from))
      from = until
    }
  }

  async #abort(producer: ProducerId): Promise<void> {
    await this.#wire.endTransaction(this.#id, producer, false).catch(() => {})
  }

  /** The coordinator may still be busy with the transaction before. */
  async #patiently<R>(body: () => Promise<R>): Promise<R> {
    let pause = SHORTEST_PAUSE
    for (let tries = 1; ; tries += 1) {
      try {
        return await body()
      } catch (error) {
        if (tries === TRIES || !hasCode(error, CODE.concurrentTransactions)) throw error
      }
      await new Promise<void>((resolve) => {
        this.#wire.runtime.after(pause, resolve)
      })
      pause = Math.min(pause * 2, LONGEST_PAUSE)
    }
  }
}

/**
 * Whether somebody else has the id, or it only took too long, is found out before the next try; a
 * coordinator that does not know a partition may hear of it, or who finds partitions of its end.
 */
const unsettled = (error: unknown): unknown => {
  if (
    !hasCode(
      error,
      ...FENCED,
      CODE.invalidTransactionState,
      CODE.unknownTopicOrPartition,
      CODE.outOfOrderSequence,
      CODE.unknownProducerId,
    )
  ) {
    return error
  }
  const message = error instanceof Error ? error.message : String(error)
  return new KafkaError(message, { cause: error, retryable: true })
}
