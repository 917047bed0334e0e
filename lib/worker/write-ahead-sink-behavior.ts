import { ConnectorError, RecoveryError } from '../errors/errors.ts'
import { readSlotRow, slotRow } from '../exchange/slots.ts'
import type { WriteAheadPartition, WriteAheadSink } from '../flow/sink.ts'
import { SlotSinkBehavior, type SlotSinkEnds } from './slot-sink-behavior.ts'
import { EPOCH_COST, StagedItems } from './staged-items.ts'

/** Bytes that may wait for a destination, on each worker and step, unless the sink says otherwise. */
const STAGE_BYTES = 64 * 1024 * 1024
/** The part of that which an open epoch may take before its end is asked for. */
const OPEN_PART = 1 / 8

interface Slot {
  readonly number: number
  readonly name: string
  /** Fenced and asked for its marker; `null` until it could be reached. */
  partition: WriteAheadPartition<unknown, unknown> | null
  /** The last epoch that the destination names as delivered, as far as is known here. */
  marker: number | null
  /** Epochs that are closed, oldest first. */
  readonly staged: StagedItems[]
  open: StagedItems | null
}

/**
 * A sink whose items are kept with the snapshot and delivered after it, to a destination that may be
 * away for any time.
 *
 * Slots are opened, fenced and settled in the background: the flow goes on staging meanwhile, until
 * what waits has reached the limit.
 */
export class WriteAheadSinkBehavior extends SlotSinkBehavior {
  readonly #sink: WriteAheadSink<unknown, unknown>
  readonly #loaded = new Map<number, Map<number, StagedItems>>()
  readonly #slots: readonly Slot[]
  readonly #limit: number
  #stagedBytes = 0
  #openBytes = 0
  #cutAsked = false

  constructor(sink: WriteAheadSink<unknown, unknown>, ends: SlotSinkEnds) {
    super(ends)
    this.#sink = sink
    this.#limit = sink.stageBytes ?? STAGE_BYTES
    this.#slots = this.slots.map((number) => ({
      number,
      name: String(number),
      partition: null,
      marker: null,
      staged: [],
      open: null,
    }))
  }

  /** Never while nothing but the open epoch waits: its end lies behind the items held back. */
  override get full(): boolean {
    return (
      this.#stagedBytes > 0 &&
      this.#stagedBytes + this.#openBytes >= this.#limit &&
      this.host.around.stopping() === null
    )
  }

  protected override load(key: string, state: Uint8Array): void {
    const [number, epoch, chunk] = readSlotRow(key)
    const epochs = this.#loaded.get(number) ?? new Map<number, StagedItems>()
    this.#loaded.set(number, epochs)
    const staged = epochs.get(epoch) ?? new StagedItems(epoch)
    epochs.set(epoch, staged)
    staged.restore(chunk, state)
  }

  protected override async begin(): Promise<void> {
    for (const slot of this.#slots) {
      const old = [...(this.#loaded.get(slot.number)?.values() ?? [])]
      slot.staged.push(...old.sort((a, b) => a.epoch - b.epoch))
      for (const staged of old) this.#stagedBytes += costOf(staged)
    }
    this.#loaded.clear()
  }

  protected override take(number: number, items: unknown[]): void {
    const slot = this.#slotOf(number)
    slot.open ??= new StagedItems(this.epoch)
    const before = slot.open.bytes
    for (const item of items) this.#stage(slot, slot.open, item)
    this.#openBytes += slot.open.bytes - before
    if (this.#openBytes < this.#limit * OPEN_PART || this.#cutAsked) return
    this.#cutAsked = true
    this.host.around.cut()
  }

  protected override closeEpoch(): null {
    for (const slot of this.#slots) {
      const { open } = slot
      if (open === null) continue
      const chunk = open.close()
      if (chunk !== null) this.#writeChunk(slot, open, chunk)
      slot.staged.push(open)
      slot.open = null
      this.#stagedBytes += costOf(open)
    }
    this.#openBytes = 0
    this.#cutAsked = false
    return null
  }

  /** With a store, also who wrote the slot before has to be shut out. */
  protected override isDue(number: number): boolean {
    const slot = this.#slotOf(number)
    if (slot.partition === null && this.writer !== null) return true
    const [first] = slot.staged
    return first !== undefined && first.epoch < this.committedTo
  }

  protected override async handOver(number: number): Promise<void> {
    const slot = this.#slotOf(number)
    if (slot.partition === null) await this.#openSlot(slot)
    else await this.#deliver(slot, slot.partition, slot.staged[0] as StagedItems)
  }

  protected override async closeSlots(): Promise<void> {
    const closed = await Promise.allSettled(
      this.#slots.map(async ({ name, partition }) => {
        if (partition !== null) await this.host.call('close', name, () => partition.close())
      }),
    )
    for (const each of closed) if (each.status === 'rejected') throw each.reason
  }

  #stage(slot: Slot, open: StagedItems, item: unknown): void {
    let chunk: Uint8Array | null
    try {
      chunk = open.add(item)
    } catch (error) {
      throw new RecoveryError(
        `Step "${this.host.stepId}" can't stage an item for its destination: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      )
    }
    if (chunk !== null) this.#writeChunk(slot, open, chunk)
  }

  /** The chunk is the last one of the staged epoch. */
  #writeChunk(slot: Slot, open: StagedItems, chunk: Uint8Array): void {
    this.writer?.bytes(this.epoch, slotRow(slot.number, open.epoch, open.chunks.length - 1), chunk)
  }

  #slotOf(number: number): Slot {
    return this.#slots.find((each) => each.number === number) as Slot
  }

  /** Whoever wrote the slot before is shut out, then asked how far they came. */
  async #openSlot(slot: Slot): Promise<void> {
    const { execution, resumeEpoch } = this.context
    const { name } = slot
    const partition = await this.destination.call('build', name, () =>
      this.#sink.build(this.host.stepId, name, { execution }),
    )
    try {
      await this.destination.call('fence', name, () => partition.fence(execution))
      slot.marker = await this.#askMarker(partition, name)
    } catch (error) {
      await partition.close()
      throw error
    }
    slot.partition = partition
    if (this.writer === null) return
    if (slot.marker !== null && slot.marker >= resumeEpoch) {
      throw new ConnectorError(
        `The destination of step "${this.host.stepId}" has epoch ${slot.marker} of slot ${name}, but the flow resumes at epoch ${resumeEpoch}: its recovery store was replaced, or is older than what was delivered. Put the newest store back; or, to begin anew, remove the step's marker and output from the destination.`,
      )
    }
    for (const staged of [...slot.staged]) {
      if (slot.marker !== null && staged.epoch <= slot.marker) this.#settle(slot, staged)
    }
  }

  /** After a failure nobody knows whether the epoch arrived: the destination is asked before the next try. */
  async #deliver(
    slot: Slot,
    partition: WriteAheadPartition<unknown, unknown>,
    staged: StagedItems,
  ): Promise<void> {
    const { name, marker } = slot
    const { spans } = this.host.around
    const began = spans?.now() ?? 0
    let asks = false
    const delivered = this.destination.call('deliver', name, async () => {
      if (asks) {
        const now = toEpoch(await partition.delivered(), name)
        if (now !== marker && now === staged.epoch) return
      }
      asks = true
      await this.host.around.lease.leased()
      await partition.deliver(staged.epoch, staged.items())
    })
    const { epoch } = staged
    const work = { kind: 'write', began, part: name, epoch, late: true } as const
    await (spans === null ? delivered : this.host.traced(delivered, work))
    slot.marker = staged.epoch
    this.#settle(slot, staged)
  }

  #askMarker(partition: WriteAheadPartition<unknown, unknown>, name: string) {
    return this.destination.call('delivered', name, async () =>
      toEpoch(await partition.delivered(), name),
    )
  }

  /** The oldest staged epoch of a slot has been delivered. */
  #settle(slot: Slot, staged: StagedItems): void {
    const wasFull = this.full
    slot.staged.shift()
    this.#stagedBytes -= costOf(staged)
    staged.chunks.forEach((_, chunk) => {
      this.strike(slotRow(slot.number, staged.epoch, chunk))
    })
    if (wasFull && !this.full) this.host.around.wake()
  }
}

const costOf = (staged: StagedItems): number => staged.bytes + EPOCH_COST

const toEpoch = (marker: unknown, slot: string): number | null => {
  if (marker === null || marker === undefined) return null
  const epoch = Number(marker)
  if (Number.isSafeInteger(epoch) && epoch >= 0) return epoch
  throw new ConnectorError(
    `The marker of slot ${slot} must name an epoch, a whole number; the destination holds ${String(marker)}.`,
  )
}
