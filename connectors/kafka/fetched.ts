import type { Fetched, StoredRecord, Wanted } from './cluster.ts'
import { type RawBatch, recordsOf, splitBatches, UnreadableBatch } from './record-batch.ts'
import type { RawFetchedPartition } from './wire-api.ts'

/** Records that a batch may plausibly have; more says that its header is damaged. */
const PLAUSIBLE = 1_000_000

/**
 * What is committed of what a broker gave for a partition.
 *
 * Aborted are the records of a producer between the offset where its aborted transaction began and
 * its control batch. A broker may begin before the offset that was asked for, and cut off the end.
 */
export const committedOf = (wanted: Wanted, raw: RawFetchedPartition): Fetched => {
  const { topic, partition } = wanted
  const batches: RawBatch[] = []
  let damaged: UnreadableBatch | null = null
  try {
    splitBatches(raw.records, batches)
  } catch (error) {
    damaged = asUnreadable(error)
  }
  const reading = new Reading(wanted.offset, raw)
  for (const batch of batches) {
    try {
      reading.take(batch)
    } catch (error) {
      damaged = asUnreadable(error)
      break
    }
  }
  const { records, next } = reading
  const fetched = { topic, partition, records, end: raw.stable, error: null }
  if (damaged === null) return { ...fetched, next, unreadable: null }
  const { offset, bytes, message } = damaged
  return { ...fetched, next: behind(damaged, next), unreadable: { offset, bytes, error: message } }
}

class Reading {
  readonly records: StoredRecord[] = []
  next: bigint
  readonly #from: bigint
  readonly #aborted: { readonly producerId: bigint; readonly first: bigint }[]
  readonly #aborting = new Set<bigint>()

  constructor(from: bigint, { aborted }: RawFetchedPartition) {
    this.next = from
    this.#from = from
    this.#aborted = [...aborted].sort((a, b) => (a.first < b.first ? -1 : 1))
  }

  take(batch: RawBatch): void {
    for (let first = this.#aborted[0]; first !== undefined; first = this.#aborted[0]) {
      if (first.first >= batch.nextOffset) break
      this.#aborting.add(first.producerId)
      this.#aborted.shift()
    }
    if (batch.control === 'abort') this.#aborting.delete(batch.producerId)
    const hidden = batch.transactional && this.#aborting.has(batch.producerId)
    if (batch.control === null && !hidden && batch.nextOffset > this.#from) {
      for (const record of recordsOf(batch)) {
        if (record.offset >= this.#from) this.records.push(record)
      }
    }
    if (batch.nextOffset > this.next) this.next = batch.nextOffset
  }
}

const asUnreadable = (error: unknown): UnreadableBatch => {
  if (error instanceof UnreadableBatch) return error
  throw error
}

/** A damaged header is believed as far as it says something possible. */
const behind = ({ offset, bytes }: UnreadableBatch, next: bigint): bigint => {
  const delta = bytes.length >= 27 ? bytes.readInt32BE(23) : 0
  const after = offset + 1n + BigInt(delta >= 0 && delta < PLAUSIBLE ? delta : 0)
  return after > next ? after : next + 1n
}
