import type { Signal } from '../lib/signal/signal.ts'
import type { TaskContext } from '../lib/state/task.ts'

/**
 * Where results that come later than their items wait for their turn.
 *
 * O1. A progress signal goes on when the results of all items before it have been emitted.
 * O2. Ordered, a result goes on after those of all items before its own.
 * O3. Unordered, a result goes on at once, but never past a progress signal.
 */
export interface ResultOrder {
  /** Items whose result has not gone on yet. */
  readonly held: number
  /** Gives an item its place. */
  place(epoch: number, item: unknown): Slot
  progress(signal: Signal): void
  /** The item of the slot has its result, or gives none. */
  settle(slot: Slot): void
  /** Emits what may go on now, gathered into batches. */
  release(): void
}

/** The place of an item whose result is awaited. */
export class Slot {
  readonly epoch: number
  readonly item: unknown
  readonly era: Era | null
  result: unknown = undefined
  settled = false
  /** Settled without a result: the item was passed over. */
  dropped = false

  constructor(epoch: number, item: unknown, era: Era | null) {
    this.epoch = epoch
    this.item = item
    this.era = era
  }
}

/** The items between two progress signals. */
interface Era {
  open: number
  epoch: number
  ready: unknown[]
  /** What follows it. */
  signal: Signal | null
}

/** Results in the order of their items (O2). */
export class Ordered implements ResultOrder {
  readonly #context: TaskContext
  #queue: (Slot | Signal)[] = []
  #head = 0
  held = 0

  constructor(context: TaskContext) {
    this.#context = context
  }

  place(epoch: number, item: unknown): Slot {
    const slot = new Slot(epoch, item, null)
    this.#queue.push(slot)
    this.held += 1
    return slot
  }

  progress(signal: Signal): void {
    this.#queue.push(signal)
  }

  settle(slot: Slot): void {
    slot.settled = true
  }

  release(): void {
    let results: unknown[] = []
    let epoch = 0
    for (;;) {
      const next = this.#queue[this.#head]
      if (next instanceof Slot && next.settled) {
        if (next.epoch !== epoch) {
          this.#context.emit(epoch, results)
          results = []
          epoch = next.epoch
        }
        if (!next.dropped) results.push(next.result)
        this.held -= 1
        this.#advance()
        continue
      }
      this.#context.emit(epoch, results)
      results = []
      if (next === undefined || next instanceof Slot) return
      this.#advance()
      this.#context.pass(next)
    }
  }

  #advance(): void {
    this.#head += 1
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0
      this.#head = 0
    } else if (this.#head === 1024) {
      this.#queue.splice(0, 1024)
      this.#head = 0
    }
  }
}

/** Results as they come, within the bounds of progress (O3). */
export class Unordered implements ResultOrder {
  readonly #context: TaskContext
  readonly #eras: [Era, ...Era[]] = [newEra()]
  held = 0

  constructor(context: TaskContext) {
    this.#context = context
  }

  place(epoch: number, item: unknown): Slot {
    const era = this.#eras.at(-1) as Era
    era.open += 1
    era.epoch = epoch
    this.held += 1
    return new Slot(epoch, item, era)
  }

  progress(signal: Signal): void {
    const era = this.#eras.at(-1) as Era
    era.signal = signal
    this.#eras.push(newEra())
  }

  settle(slot: Slot): void {
    const era = slot.era as Era
    era.open -= 1
    slot.settled = true
    if (slot.dropped) this.held -= 1
    else era.ready.push(slot.result)
  }

  release(): void {
    for (;;) {
      const [era] = this.#eras
      const { ready, signal } = era
      if (ready.length > 0) {
        era.ready = []
        this.held -= ready.length
        this.#context.emit(era.epoch, ready)
      }
      if (era.open > 0 || signal === null) return
      this.#eras.shift()
      this.#context.pass(signal)
    }
  }
}

const newEra = (): Era => ({ open: 0, epoch: 0, ready: [], signal: null })
