import { Behavior } from '../actor/behavior.ts'
import { LOAD_INPUT } from '../actor/inbox.ts'
import { SLOTS, slotOfKey, slotOfWorker, slotsOf } from '../exchange/slots.ts'
import type { SlotContext } from '../flow/sink.ts'
import { end, frontier, type Signal, SNAPSHOT_PORT } from '../signal/signal.ts'
import { Destination, GivenUp } from './destination.ts'
import type { SnapshotWriter } from './snapshot-writer.ts'
import type { StepHost } from './step-host.ts'

/** What the worker gives to an exactly-once sink. */
export interface SlotSinkEnds {
  readonly host: StepHost
  readonly writer: SnapshotWriter | null
  /** The input the current signal came by. */
  readonly input: () => number
  readonly context: SlotContext
  readonly report: (level: 'info' | 'warn', message: string, error?: unknown) => void
}

/**
 * A sink that hands over in slots what is durable, and only that.
 *
 * L1. An item of epoch e is staged before the snapshot frontier passes e, and handed over after e
 *     has been committed; within a slot, epochs are handed over in order and one at a time.
 * L2. What an earlier run staged and did not hand over comes before anything new of its slot.
 * L3. What was handed over is struck from the snapshot in a later epoch; until that is durable it
 *     may be handed over again, and the destination tells that it has been.
 * L4. The actor is not held while something is handed over; it is full when too much waits.
 */
export abstract class SlotSinkBehavior extends Behavior {
  protected readonly host: StepHost
  protected readonly writer: SnapshotWriter | null
  protected readonly context: SlotContext
  protected readonly destination: Destination
  /** The slots this worker writes. */
  protected readonly slots: readonly number[]
  /** The open epoch. */
  protected epoch = 0
  /** Everything before it is durable. */
  protected committedTo = 0
  readonly #input: () => number
  readonly #own: number
  readonly #struck: string[] = []
  readonly #sorted: unknown[][] = Array.from({ length: SLOTS }, () => [])
  readonly #handingOver = new Map<number, Promise<void>>()
  #open = false

  constructor(ends: SlotSinkEnds) {
    super()
    const { host, writer, report } = ends
    this.host = host
    this.writer = writer
    this.context = ends.context
    this.#input = ends.input
    this.slots = slotsOf(host.around.worker, host.around.workers)
    this.#own = slotOfWorker(host.around.worker)
    this.destination = new Destination(host, { report, kept: writer !== null })
  }

  /** A row of the snapshot that the flow resumes from. */
  protected abstract load(key: string, state: Uint8Array): void

  /** Everything has been loaded: opens what must be open before the first item. */
  protected abstract begin(): Promise<void>

  /** Stages items of the open epoch. */
  protected abstract take(slot: number, items: unknown[]): void

  /** Stages the open epoch as a whole; `null` when that is done. */
  protected abstract closeEpoch(): Promise<void> | null

  /** Whether anything durable of the slot waits. */
  protected abstract isDue(slot: number): boolean

  /** Hands over the oldest that waits. */
  protected abstract handOver(slot: number): Promise<void>

  /** Lets go of the slots; nothing is being handed over any more. */
  protected abstract closeSlots(failed: Error | null): Promise<void>

  override data(batch: Signal): void {
    const { keys, values } = batch
    if (this.#input() === LOAD_INPUT) {
      keys?.forEach((key, at) => {
        this.load(key, values[at] as Uint8Array)
      })
      return
    }
    if (keys === null) this.take(this.#own, values.slice())
    else this.#takeKeyed(keys, values)
  }

  override part(): void {}

  override frontier(signal: Signal): void {
    if (!this.#open) {
      this.#open = true
      this.epoch = signal.epoch
      this.committedTo = signal.epoch
      this.host.around.hold(
        this.begin().then(
          () => this.#pass(signal, frontier(signal.epoch, SNAPSHOT_PORT)),
          ignoreGivenUp,
        ),
      )
      return
    }
    this.#close(() => {
      this.epoch = signal.epoch
      this.#pass(signal, frontier(signal.epoch, SNAPSHOT_PORT))
    })
  }

  override end(signal: Signal): void {
    this.#close(() => this.#pass(signal, end(signal.time, signal.halted, SNAPSHOT_PORT)))
  }

  /** Resolves when what is now begun has been handed over; `null` where nothing is. */
  override committed(epoch: number): Promise<void> | null {
    this.committedTo = epoch
    const begun: Promise<void>[] = []
    for (const slot of this.slots) {
      if (this.#handingOver.has(slot) || !this.isDue(slot)) continue
      const work = this.#handOverAll(slot)
      this.#handingOver.set(slot, work)
      begun.push(work)
    }
    return begun.length === 0 ? null : Promise.all(begun).then(() => {})
  }

  override async close(failed: Error | null): Promise<void> {
    this.destination.close()
    // Nothing may still reach the outside when the run is over.
    await Promise.allSettled(this.#handingOver.values())
    await this.closeSlots(failed)
  }

  /** A row that no later run need see is struck out with the epoch that is open now. */
  protected strike(key: string): void {
    if (this.writer !== null) this.#struck.push(key)
  }

  #takeKeyed(keys: readonly string[], values: readonly unknown[]): void {
    const sorted = this.#sorted
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] as string
      sorted[slotOfKey(key)]?.push([key, values[at]])
    }
    for (const slot of this.slots) {
      const items = sorted[slot] as unknown[]
      if (items.length === 0) continue
      sorted[slot] = []
      this.take(slot, items)
    }
  }

  #close(pass: () => void): void {
    const closed = this.closeEpoch()
    const finish = (): void => {
      for (const key of this.#struck) this.writer?.tombstone(this.epoch, key)
      this.#struck.length = 0
      pass()
    }
    if (closed === null) finish()
    else this.host.around.hold(closed.then(finish))
  }

  #pass(signal: Signal, recorded: Signal): void {
    this.writer?.flush()
    this.send(recorded)
    this.send(signal)
  }

  async #handOverAll(slot: number): Promise<void> {
    // What the slot holds is looked at once this call is on record.
    await null
    try {
      while (this.isDue(slot) && !this.destination.closed) await this.handOver(slot)
    } catch (error) {
      ignoreGivenUp(error)
    } finally {
      this.#handingOver.delete(slot)
    }
  }
}

const ignoreGivenUp = (error: unknown): void => {
  if (!(error instanceof GivenUp)) throw error
}
