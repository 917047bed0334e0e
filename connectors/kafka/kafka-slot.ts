import { ConnectorError } from '../../lib/errors/errors.ts'
import { WriteAheadPartition } from '../../lib/flow/sink.ts'
import type { Transactions } from './cluster.ts'
import { CODE, hasCode } from './kafka-error.ts'
import type { Marker, MarkerLog } from './marker-log.ts'
import { addressed } from './message.ts'
import type { KafkaItem } from './sink-options.ts'
import type { TopicTable } from './topic-table.ts'

/** What a slot is made of. */
export interface SlotEnds {
  readonly step: string
  readonly slot: string
  /** Whether the marker means anything to this run: without a store, epochs begin anew each time. */
  readonly recovery: boolean
  readonly topic: string | undefined
  readonly topics: TopicTable
  readonly markers: MarkerLog
  readonly transactions: Transactions
  readonly now: () => number
  readonly closed: () => Promise<void>
}

/**
 * One slot of a transactional sink: an epoch's messages and the slot's marker in one transaction,
 * under a transactional id of the slot's own.
 *
 * K1. The id is taken before the marker is read: then nothing of an older execution can follow.
 * K2. An older execution that takes the id late finds the marker of the later one, and stops.
 * K3. After a failure nothing is known: the transaction is settled before the marker is read again.
 */
export class KafkaSlot extends WriteAheadPartition<KafkaItem> {
  readonly #ends: SlotEnds
  readonly #key: string
  #marker: Marker = { execution: 0, epoch: null }

  constructor(ends: SlotEnds) {
    super()
    this.#ends = ends
    this.#key = `${ends.step}/${ends.slot}`
  }

  override async fence(execution: number): Promise<void> {
    const { markers, transactions, recovery, now } = this.#ends
    // Not more than a look: what hides the rest may be a transaction that only `begin` ends.
    this.#refuseLater(await markers.peek(this.#key), execution)
    await transactions.begin()
    const found = await markers.read(this.#key)
    this.#refuseLater(found, execution)
    const marker = { execution, epoch: recovery ? (found?.epoch ?? null) : null }
    await this.#fenced(execution, () =>
      transactions.commit([markers.write(this.#key, marker, now())]),
    )
    this.#marker = marker
  }

  override async delivered(): Promise<number | null> {
    const { transactions, markers } = this.#ends
    const { execution } = this.#marker
    await this.#fenced(execution, () => transactions.settle())
    const found = await markers.read(this.#key)
    this.#refuseLater(found, execution)
    if (found !== null) this.#marker = found
    return this.#marker.epoch
  }

  override async deliver(epoch: number, items: KafkaItem[]): Promise<void> {
    const { transactions, markers, topic, topics, now } = this.#ends
    const { execution } = this.#marker
    if (this.#marker.epoch !== null && this.#marker.epoch >= epoch) return
    const at = now()
    const writes = await topics.writesOf(items.map((item) => addressed(item, topic, at)))
    const marker = { execution, epoch }
    await this.#fenced(execution, () =>
      transactions.commit([...writes, markers.write(this.#key, marker, at)]),
    )
    this.#marker = marker
  }

  override close(): Promise<void> {
    return this.#ends.closed()
  }

  async #fenced(execution: number, body: () => Promise<void>): Promise<void> {
    try {
      await body()
    } catch (error) {
      if (hasCode(error, CODE.producerFenced)) throw this.#refusal(execution, error)
      if (!hasCode(error, CODE.invalidProducerIdMapping)) throw error
      // The brokers forgot an id that was long idle; whoever took it since has left a marker.
      await this.fence(execution)
      throw new ConnectorError('The brokers had forgotten the transactional id.', {
        cause: error,
        retryable: true,
      })
    }
  }

  #refuseLater(found: Marker | null, execution: number): void {
    if (!this.#ends.recovery || found === null || found.execution <= execution) return
    throw this.#refusal(execution, null)
  }

  #refusal(execution: number, cause: unknown): ConnectorError {
    const { step, slot } = this.#ends
    return new ConnectorError(
      `Slot ${slot} of step "${step}" is written by a later execution than this one (${execution}): another process runs the flow, or its recovery store was replaced by an older or new one. Stop one of them; or, to begin anew, give the sink another \`prefix\`.`,
      { cause },
    )
  }
}
