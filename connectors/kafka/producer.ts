import type { Producer, Write } from './cluster.ts'
import type { Compression } from './compression.ts'
import { CODE, hasCode, KafkaError } from './kafka-error.ts'
import { nameOf } from './message.ts'
import { encodeBatch } from './record-batch.ts'
import { batchEnd, type ProducerId, type ProduceWire, sequenceAfter } from './wire.ts'

/** What a broker says that has forgotten a producer, or never knew it. */
const FORGOTTEN = [
  CODE.outOfOrderSequence,
  CODE.invalidProducerEpoch,
  CODE.invalidProducerIdMapping,
  CODE.unknownProducerId,
] as const

/**
 * Writes with an id and numbers, by which a broker knows a batch that comes again.
 *
 * One write to a partition at a time. A broker that has forgotten the id is given a new one; a write
 * whose fate is unknown then may come twice.
 */
export class IdempotentProducer implements Producer {
  readonly #wire: ProduceWire
  readonly #compression: Compression
  readonly #sequences = new Map<string, number>()
  /** How many records of a write are stored. */
  readonly #stored = new WeakMap<Write, number>()
  #id: ProducerId | null = null

  constructor(wire: ProduceWire, compression: Compression) {
    this.#wire = wire
    this.#compression = compression
  }

  async send(write: Write): Promise<void> {
    const { records } = write
    let from = this.#stored.get(write) ?? 0
    while (from < records.length) {
      const until = batchEnd(records, from)
      await this.#store({ ...write, records: records.slice(from, until) })
      this.#stored.set(write, until)
      from = until
    }
  }

  async #store({ topic, partition, records }: Write): Promise<void> {
    this.#id ??= await this.#wire.initProducer(null, null, 0)
    const name = nameOf({ topic, partition })
    const sequence = this.#sequences.get(name) ?? 0
    const producer = { ...this.#id, sequence, transactional: false }
    const bytes = encodeBatch(records, { producer, compression: this.#compression })
    try {
      await this.#wire.produce(null, [{ topic, partition, bytes }])
    } catch (error) {
      if (hasCode(error, ...FORGOTTEN)) throw this.#forgotten(error)
      if (!hasCode(error, CODE.duplicateSequence)) throw error
    }
    this.#sequences.set(name, sequenceAfter(sequence, records.length))
  }

  #forgotten(cause: unknown): KafkaError {
    this.#id = null
    this.#sequences.clear()
    return new KafkaError('The broker has forgotten this producer.', { cause, retryable: true })
  }
}
