import { randomBytes } from 'node:crypto'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { type JetStream, refusalOf, WRONG_LAST_SEQUENCE } from './jetstream-api.ts'

/** How far a slot is. */
export interface SlotEntry {
  /** Part of its messages' ids, so that no other run's are taken for them. */
  readonly id: string
  readonly execution: number
  /** The last epoch that is whole. */
  readonly epoch: number | null
  /** The epoch that was begun, and the stream's last sequence before. */
  readonly begun: { readonly epoch: number; readonly base: number } | null
}

/** Keeps a slot's entry, and keeps older executions off it. */
export interface SlotLedger {
  readonly entry: SlotEntry
  /** Takes the slot over. */
  fence(execution: number): Promise<void>
  /** @throws ConnectorError when a later execution has taken the slot over */
  check(): Promise<void>
  write(change: Pick<SlotEntry, 'epoch' | 'begun'>): Promise<void>
}

const anew = (execution: number): SlotEntry => ({
  id: randomBytes(9).toString('base64url'),
  execution,
  epoch: null,
  begun: null,
})

/** Of a run that keeps nothing: the next one begins anew, so there is nobody to keep off. */
export class PassingLedger implements SlotLedger {
  entry: SlotEntry = anew(0)

  async fence(): Promise<void> {}

  async check(): Promise<void> {}

  async write(change: Pick<SlotEntry, 'epoch' | 'begun'>): Promise<void> {
    this.entry = { ...this.entry, ...change }
  }
}

/** An entry in a key-value bucket, changed only by who knows its last revision. */
export class BucketLedger implements SlotLedger {
  readonly #js: JetStream
  readonly #stream: string
  readonly #subject: string
  readonly #where: string
  #entry: SlotEntry = anew(0)
  #execution = 0
  #revision = 0

  constructor(js: JetStream, place: { bucket: string; step: string; slot: string }) {
    this.#js = js
    this.#stream = `KV_${place.bucket}`
    this.#subject = `$KV.${place.bucket}.${keyOf(place.step)}.${place.slot}`
    this.#where = `Slot ${place.slot} of step "${place.step}" (key ${keyOf(place.step)}.${place.slot} of the bucket ${place.bucket})`
  }

  get entry(): SlotEntry {
    return this.#entry
  }

  async fence(execution: number): Promise<void> {
    await this.#js.ensureStream(bucketConfiguration(this.#stream))
    this.#execution = execution
    for (;;) {
      const { entry, revision } = await this.#read()
      if (entry !== null && entry.execution > execution) throw this.#fenced(execution)
      this.#revision = revision
      if (await this.#swap({ ...(entry ?? anew(execution)), execution })) return
    }
  }

  async check(): Promise<void> {
    const { entry, revision } = await this.#read()
    // Who was shut out must not learn a revision that would let them in again.
    if (entry?.execution !== this.#execution) throw this.#fenced(this.#execution)
    this.#entry = entry
    this.#revision = revision
  }

  async write(change: Pick<SlotEntry, 'epoch' | 'begun'>): Promise<void> {
    while (!(await this.#swap({ ...this.#entry, ...change }))) await this.check()
  }

  /** Whether the entry was as it is known here. */
  async #swap(entry: SlotEntry): Promise<boolean> {
    try {
      const bytes = new TextEncoder().encode(JSON.stringify(entry))
      this.#revision = await this.#js.store(this.#subject, bytes, [
        ['Nats-Expected-Last-Subject-Sequence', String(this.#revision)],
      ])
      this.#entry = entry
      return true
    } catch (error) {
      if (refusalOf(error) === WRONG_LAST_SEQUENCE) return false
      throw error
    }
  }

  async #read(): Promise<{ readonly entry: SlotEntry | null; readonly revision: number }> {
    const message = await this.#js.message(this.#stream, { last_by_subj: this.#subject })
    const revision = message?.sequence ?? 0
    // A key that was removed leaves a marker without bytes.
    if (message === null || message.data.length === 0) return { entry: null, revision }
    return { entry: this.#parse(new TextDecoder().decode(message.data)), revision }
  }

  #parse(text: string): SlotEntry {
    try {
      const { id, execution, epoch, begun } = JSON.parse(text)
      const isBegun = begun === null || (isCount(begun.epoch) && isCount(begun.base))
      if (typeof id === 'string' && isCount(execution) && isBegun) {
        if (epoch === null || isCount(epoch)) {
          return {
            id,
            execution,
            epoch,
            begun: begun === null ? null : { epoch: begun.epoch, base: begun.base },
          }
        }
      }
    } catch {
      // Told below.
    }
    throw new ConnectorError(
      `${this.#where} holds something that is not ours. Name another bucket by \`markers\`.`,
    )
  }

  #fenced(execution: number): ConnectorError {
    return new ConnectorError(
      `${this.#where} is written by a later execution than this one (${execution}): another process runs the flow, or its recovery store was replaced by an older or new one. Stop one of them; or, to begin anew, delete the keys of that step.`,
    )
  }
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

/** A step's id in the letters of a key. */
const keyOf = (step: string): string =>
  step.replace(/[^A-Za-z0-9_-]/gu, (sign) => `=${(sign.codePointAt(0) ?? 0).toString(16)}=`)

/** As NATS's own clients make a bucket, so that they can look into it. */
const bucketConfiguration = (name: string): Readonly<Record<string, unknown>> => ({
  name,
  subjects: [`$KV.${name.slice(3)}.>`],
  retention: 'limits',
  storage: 'file',
  discard: 'new',
  max_msgs_per_subject: 1,
  max_consumers: -1,
  max_msgs: -1,
  max_bytes: -1,
  max_age: 0,
  num_replicas: 1,
  deny_delete: true,
  allow_rollup_hdrs: true,
})
