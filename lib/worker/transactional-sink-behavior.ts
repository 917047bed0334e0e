import { readSlotRow, slotRow } from '../exchange/slots.ts'
import type { TransactionalSink, TransactionalSinkPartition } from '../flow/sink.ts'
import { SlotSinkBehavior, type SlotSinkEnds } from './slot-sink-behavior.ts'

/** Epochs of a slot that are durable and not yet committed outside, before items have to wait. */
const MOST_DUE = 32

interface Staged {
  readonly epoch: number
  /** What the partition gave for it. */
  readonly staged: unknown
}

interface Slot {
  readonly number: number
  readonly name: string
  readonly partition: TransactionalSinkPartition<unknown, unknown>
  /** Oldest first. */
  readonly staged: Staged[]
}

/**
 * A sink whose epochs are prepared with the snapshot and committed after it.
 *
 * What a partition gives for a prepared epoch is a row of that epoch. On resume each that is found
 * is committed, perhaps again, before its slot writes anything.
 */
export class TransactionalSinkBehavior extends SlotSinkBehavior {
  readonly #sink: TransactionalSink<unknown, unknown>
  readonly #loaded = new Map<number, Staged[]>()
  readonly #open = new Map<number, Slot>()
  #full = false

  constructor(sink: TransactionalSink<unknown, unknown>, ends: SlotSinkEnds) {
    super(ends)
    this.#sink = sink
  }

  override get full(): boolean {
    return this.#full && this.host.around.stopping() === null
  }

  protected override load(key: string, state: Uint8Array): void {
    const [slot, epoch] = readSlotRow(key)
    const found = this.#loaded.get(slot) ?? []
    found.push({ epoch, staged: this.writer?.decode(state) })
    this.#loaded.set(slot, found)
  }

  protected override async begin(): Promise<void> {
    await Promise.all(this.slots.map((slot) => this.#openSlot(slot)))
    this.#loaded.clear()
  }

  protected override take(number: number, items: unknown[]): void {
    const { name, partition } = this.#open.get(number) as Slot
    this.host.around.lease.check()
    const { spans } = this.host.around
    const work = {
      kind: 'write',
      began: spans?.now() ?? 0,
      items: items.length,
      part: name,
    } as const
    let written: void | Promise<void>
    try {
      written = partition.writeBatch(items)
    } catch (error) {
      throw this.host.outside('writeBatch', name, error)
    }
    if (!(written instanceof Promise)) {
      if (spans !== null) this.host.trace(work)
      return
    }
    this.host.around.hold(
      (spans === null ? written : this.host.traced(written, work)).catch((error) => {
        throw this.host.outside('writeBatch', name, error)
      }),
    )
  }

  protected override closeEpoch(): Promise<void> | null {
    this.host.around.lease.check()
    const { epoch } = this
    const preparing: Promise<void>[] = []
    for (const slot of this.#open.values()) {
      let staged: unknown
      try {
        staged = slot.partition.prepare(epoch)
      } catch (error) {
        throw this.host.outside('prepare', slot.name, error)
      }
      if (staged instanceof Promise) preparing.push(this.#await(slot, epoch, staged))
      else this.#stage(slot, epoch, staged)
    }
    this.#measure()
    return preparing.length === 0 ? null : Promise.all(preparing).then(() => {})
  }

  protected override isDue(number: number): boolean {
    const first = this.#open.get(number)?.staged[0]
    return first !== undefined && first.epoch < this.committedTo
  }

  protected override async handOver(number: number): Promise<void> {
    const slot = this.#open.get(number) as Slot
    await this.#commit(slot, slot.staged[0] as Staged)
    slot.staged.shift()
    if (this.#full) this.#measure()
  }

  protected override async closeSlots(failed: Error | null): Promise<void> {
    const closed = await Promise.allSettled(
      [...this.#open.values()].map(async (slot) => {
        // What no snapshot knows of, no later run will settle.
        if (failed !== null && this.writer === null) await this.#abort(slot)
        await this.host.call('close', slot.name, () => slot.partition.close())
      }),
    )
    for (const each of closed) if (each.status === 'rejected') throw each.reason
  }

  async #openSlot(number: number): Promise<void> {
    const name = String(number)
    const partition = await this.destination.call('build', name, () =>
      this.#sink.build(this.host.stepId, name, this.context),
    )
    const slot: Slot = { number, name, partition, staged: [] }
    this.#open.set(number, slot)
    const old = (this.#loaded.get(number) ?? []).sort((a, b) => a.epoch - b.epoch)
    for (const each of old) await this.#commit(slot, each)
  }

  async #await(slot: Slot, epoch: number, staged: Promise<unknown>): Promise<void> {
    let result: unknown
    try {
      result = await staged
    } catch (error) {
      throw this.host.outside('prepare', slot.name, error)
    }
    this.#stage(slot, epoch, result)
  }

  #stage(slot: Slot, epoch: number, staged: unknown): void {
    if (staged === null || staged === undefined) return
    slot.staged.push({ epoch, staged })
    this.writer?.row(epoch, slotRow(slot.number, epoch), staged)
  }

  async #commit({ number, name, partition }: Slot, { epoch, staged }: Staged): Promise<void> {
    const began = this.host.around.spans?.now() ?? 0
    const work = { kind: 'write', began, part: name, epoch, late: true } as const
    const committed = this.destination.call('commit', name, () => partition.commit(staged))
    await (this.host.around.spans === null ? committed : this.host.traced(committed, work))
    this.strike(slotRow(number, epoch))
  }

  async #abort({ name, partition, staged }: Slot): Promise<void> {
    for (const each of staged.splice(0)) {
      await this.host.call('abort', name, () => partition.abort(each.staged))
    }
  }

  /** Items wait while commits lag too far behind. */
  #measure(): void {
    const was = this.#full
    this.#full = false
    for (const { staged } of this.#open.values()) {
      const last = staged[MOST_DUE - 1]
      if (last !== undefined && last.epoch < this.committedTo) this.#full = true
    }
    if (was && !this.#full) this.host.around.wake()
  }
}
