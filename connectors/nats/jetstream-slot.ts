import { ConnectorError } from '../../lib/errors/errors.ts'
import { WriteAheadPartition } from '../../lib/flow/sink.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { ChainWriter, type Identified } from './chain-writer.ts'
import type { JetStream, StreamFacts } from './jetstream-api.ts'
import { type MessageOptions, messageOf } from './payload.ts'
import type { SlotLedger } from './slot-ledger.ts'
import { type JetStreamItem, StreamReader } from './stream-reader.ts'
import type { Turns } from './turns.ts'

/** Room for headers in the largest message. */
const HEADER_ROOM = 1024
const SCAN_CAPACITY = 2000

export interface JetStreamSlotEnds<T> {
  readonly js: JetStream
  readonly ledger: SlotLedger
  readonly message: MessageOptions<T>
  /** The stream, where it is given; else it is the one that takes the first message's subject. */
  readonly stream: string | undefined
  readonly turns: Turns
  readonly runtime: Runtime
  readonly closed: () => Promise<void>
}

/** How far an epoch is, and the end of the stream as it was when that was found out. */
interface Progress {
  /** Messages that are stored. */
  readonly count: number
  readonly last: number
}

/**
 * One slot of a stream's output.
 *
 * J1. The ledger names an epoch as begun, with the stream's end, before any of its messages is sent.
 * J2. A message is stored only right behind the end of the stream that the writer knows (a chain), so
 *     what is stored of an epoch is a prefix of it, found behind the end that the ledger names.
 * J3. After a chain was broken the slot asks whether it was fenced, then looks what is stored, and
 *     only then goes on. Who was shut out in between knows an older end, and stores nothing.
 */
export class JetStreamSlot<T> extends WriteAheadPartition<T> {
  readonly #ends: JetStreamSlotEnds<T>

  constructor(ends: JetStreamSlotEnds<T>) {
    super()
    this.#ends = ends
  }

  override fence(execution: number): Promise<void> {
    return this.#ends.ledger.fence(execution)
  }

  override async delivered(): Promise<number | null> {
    const { ledger } = this.#ends
    await ledger.check()
    return ledger.entry.epoch
  }

  override deliver(epoch: number, items: T[]): Promise<void> {
    return this.#ends.turns.run(() => this.#deliver(epoch, items))
  }

  override close(): Promise<void> {
    return this.#ends.closed()
  }

  async #deliver(epoch: number, items: readonly T[]): Promise<void> {
    const { js, ledger, message, runtime } = this.#ends
    const { entry } = ledger
    if (items.length === 0 || (entry.epoch !== null && entry.epoch >= epoch)) return
    const room = js.wire.maxPayload - HEADER_ROOM
    const messages = items.map((item, at) => ({
      ...messageOf(item, message, room),
      id: `${entry.id}/${epoch}/${at}`,
    }))
    const facts = await this.#stream(messages)
    const writer = new ChainWriter(js, {
      stream: facts.name,
      atomic: facts.allowsAtomic,
      runtime,
    })
    await this.#write(messages, { epoch, facts, writer })
    await ledger.write({ epoch, begun: null })
  }

  async #write(
    messages: readonly Identified[],
    at: { readonly epoch: number; readonly facts: StreamFacts; readonly writer: ChainWriter },
  ): Promise<void> {
    let progress = await this.#begin(at.epoch, at.facts)
    while (progress.count < messages.length) {
      const rest = messages.slice(progress.count)
      const written = await at.writer.write(rest, progress.last)
      const count = progress.count + written.count
      progress =
        written.count > 0 ? { count, last: written.last } : await this.#lookAgain(at, progress)
    }
  }

  /** J1. */
  async #begin(epoch: number, facts: StreamFacts): Promise<Progress> {
    const { ledger } = this.#ends
    const { begun } = ledger.entry
    if (begun?.epoch === epoch) {
      if (facts.last >= begun.base) return this.#lookAgain({ epoch, facts }, null)
      throw new ConnectorError(
        `The stream "${facts.name}" went back to sequence ${facts.last}, though ${begun.base} was stored: it was made anew, or lost messages that it had acknowledged. Restore it; or, to begin anew, remove the step's keys from the bucket of markers.`,
      )
    }
    await ledger.write({ epoch: ledger.entry.epoch, begun: { epoch, base: facts.last } })
    return { count: 0, last: facts.last }
  }

  /** J3. What was known to be stored is not looked for again. */
  async #lookAgain(
    { epoch, facts }: { readonly epoch: number; readonly facts: StreamFacts },
    known: Progress | null,
  ): Promise<Progress> {
    const { js, ledger } = this.#ends
    const { last } = await js.stream(facts.name)
    await ledger.check()
    const after = known?.last ?? ledger.entry.begun?.base ?? 0
    let count = known?.count ?? 0
    const before = `${ledger.entry.id}/${epoch}/`
    await this.#scan({ stream: facts.name, after, until: last }, ({ headers }) => {
      const id = headers['Nats-Msg-Id']?.[0] ?? ''
      if (id.startsWith(before)) count = Math.max(count, Number(id.slice(before.length)) + 1)
    })
    return { count, last }
  }

  async #scan(
    range: { readonly stream: string; readonly after: number; readonly until: number },
    see: (item: JetStreamItem) => void,
  ): Promise<void> {
    if (range.until <= range.after) return
    const reader = await StreamReader.open(
      this.#ends.js,
      {
        stream: range.stream,
        filters: [],
        capacity: SCAN_CAPACITY,
        until: range.until,
        headersOnly: true,
        queue: null,
        inspect: async () => {},
        accept: () => true,
        runtime: this.#ends.runtime,
      },
      { sequence: range.after, timestamp: 0 },
    )
    try {
      while (!reader.ended) {
        await reader.heard()
        for (const item of reader.take(SCAN_CAPACITY)) see(item)
      }
    } finally {
      await reader.close()
    }
  }

  async #stream([first]: readonly Identified[]): Promise<StreamFacts> {
    const { js, stream } = this.#ends
    const facts = await js.stream(stream ?? (await js.streamOf(first?.subject ?? '')))
    if (facts.retention === 'limits') return facts
    throw new ConnectorError(
      `"${facts.name}" has retention "${facts.retention}", so messages leave it and nobody can tell whether they were stored. Write to a stream with retention "limits", and let a work queue source from it.`,
    )
  }
}
