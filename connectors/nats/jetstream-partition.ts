import { EOF, type Polled, StatefulSourcePartition } from '../../lib/flow/source.ts'
import type { JetStream } from './jetstream-api.ts'
import type { Arrived, JetStreamItem, JetStreamPlace, StreamReader } from './stream-reader.ts'

/** How far a partition has read; a stream of its name that was made at another time is another. */
export interface JetStreamPosition extends JetStreamPlace {
  readonly created: string
}

/** Messages of a work queue, from their arrival to the commit of their epoch. */
export class Unacknowledged {
  readonly #js: JetStream
  readonly #replies = new Map<number, string>()
  #seen: number
  #settled: Promise<void> = Promise.resolve()
  #committed: number

  constructor(js: JetStream, position: number) {
    this.#js = js
    this.#seen = position
    this.#committed = position
  }

  /** Whether it is new. One whose epoch was committed before the acknowledgement got through is not. */
  accept({ item, reply }: Arrived): boolean {
    if (item.sequence <= this.#committed) {
      this.#acknowledge(reply)
      return false
    }
    this.#replies.set(item.sequence, reply)
    if (item.sequence <= this.#seen) return false
    this.#seen = item.sequence
    return true
  }

  commit(sequence: number): void {
    this.#committed = Math.max(this.#committed, sequence)
    let last: string | null = null
    for (const [each, reply] of this.#replies) {
      if (each > sequence) continue
      this.#replies.delete(each)
      if (last !== null) this.#acknowledge(last)
      last = reply
    }
    if (last !== null) this.#settled = this.#confirm(last)
  }

  /** Resolves when the server has taken what was acknowledged, or can't be asked. */
  settled(): Promise<void> {
    return this.#settled
  }

  /** The server answers in turn: when the last is taken, all are. */
  async #confirm(reply: string): Promise<void> {
    if (this.#js.wire.state !== 'up') return
    await this.#js.wire.request(reply, new Uint8Array()).catch(() => null)
  }

  /** One that is lost with the connection is made up for when the message comes again. */
  #acknowledge(reply: string): void {
    if (this.#js.wire.state === 'up') this.#js.wire.publish(reply, new Uint8Array())
  }
}

/** One partition of a stream. */
export class JetStreamPartition<T> extends StatefulSourcePartition<T, JetStreamPosition> {
  readonly #reader: StreamReader
  readonly #created: string
  readonly #batchSize: number
  readonly #unacknowledged: Unacknowledged | null
  readonly #make: (item: JetStreamItem) => T
  readonly #closed: () => Promise<void>
  #place: JetStreamPlace

  constructor(
    reader: StreamReader,
    ends: {
      readonly created: string
      readonly batchSize: number
      readonly unacknowledged: Unacknowledged | null
      readonly make: (item: JetStreamItem) => T
      readonly closed: () => Promise<void>
    },
  ) {
    super()
    this.#reader = reader
    this.#place = reader.last
    this.#created = ends.created
    this.#batchSize = ends.batchSize
    this.#unacknowledged = ends.unacknowledged
    this.#make = ends.make
    this.#closed = ends.closed
  }

  override nextBatch(): Polled<T> | Promise<Polled<T>> {
    const items = this.#take()
    if (items.length > 0) return items
    return this.#reader.ended ? EOF : this.#wait()
  }

  async #wait(): Promise<Polled<T>> {
    await this.#reader.heard()
    const items = this.#take()
    return items.length === 0 && this.#reader.ended ? EOF : items
  }

  #take(): readonly T[] {
    const taken = this.#reader.take(this.#batchSize)
    const last = taken.at(-1)
    // With nothing left before it, what was kept out is behind the position too.
    if (this.#reader.waiting === 0) this.#place = this.#reader.last
    else if (last !== undefined) {
      this.#place = { sequence: last.sequence, timestamp: last.timestamp }
    }
    return taken.map(this.#make)
  }

  override snapshot(): JetStreamPosition {
    const { sequence, timestamp } = this.#place
    return { sequence, timestamp, created: this.#created }
  }

  override onCommit({ sequence }: JetStreamPosition): void {
    this.#unacknowledged?.commit(sequence)
  }

  override async close(): Promise<void> {
    await this.#unacknowledged?.settled()
    await this.#reader.close()
    await this.#closed()
  }
}
