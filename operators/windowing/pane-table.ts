import { ownCopy } from '../../lib/actor/own-copy.ts'
import { KeyTable } from '../../lib/state/key-table.ts'
import { itemTime } from '../../lib/time/item-time.ts'
import type { TimeLike } from '../../lib/time/time.ts'
import { Buckets } from './buckets.ts'
import type { WindowFold } from './fold-logic.ts'
import { NO_PANE, type PaneEntry, type PaneState } from './pane-entry.ts'
import { foldIntoPanes, holdInPanes, type PaneLoopTable } from './pane-loops.ts'
import { type NOTHING, TimedValues } from './timed-values.ts'
import type { WindowGrid } from './window-grid.ts'
import type { WindowSink } from './window-sink.ts'

export interface PaneTableOptions<V, A> {
  readonly timestamp: (value: V) => TimeLike
  /** The windows that come out. */
  readonly grid: WindowGrid
  readonly fold: WindowFold<V, A>
  /** Values of a window are folded by time; else as they come. */
  readonly ordered: boolean
  readonly sink: WindowSink<V, A>
  /** Whose loop it is. */
  readonly stepId: string
}

type PaneLoop<V, A, E extends PaneEntry> = (
  table: PaneLoopTable<V, A, E>,
  keys: readonly string[],
  values: readonly V[],
) => void

/**
 * The windows of all keys of a step that follows the stream's watermark and folds: the same result
 * as a `WindowStep`, by one object a key and one list a window.
 *
 * Time is cut into panes; a value goes into its pane only. Windows are waited for in lists by their
 * id, so closing costs per closed window. A key without panes is forgotten.
 */
export abstract class PaneTable<V, A, E extends PaneEntry> implements PaneLoopTable<V, A, E> {
  readonly table: KeyTable<E>
  readonly timestamp: (value: V) => TimeLike
  readonly fold: (accumulator: A, value: V) => A
  watermark: number = Number.NEGATIVE_INFINITY
  position = 0
  timed = -1
  readonly alignTo: number
  readonly paneLength: number
  protected readonly folding: WindowFold<V, A>
  protected readonly grid: WindowGrid
  protected readonly sink: WindowSink<V, A>
  protected readonly waiting: Buckets<E> = new Buckets()
  readonly #ordered: boolean
  readonly #loop: PaneLoop<V, A, E>

  constructor(options: PaneTableOptions<V, A>, paneLength: number) {
    this.table = new KeyTable<E>({
      make: (key, resume) => this.#make(key, resume),
      snapshot: (entry) => this.stateOf(entry),
    })
    this.timestamp = options.timestamp
    this.fold = options.fold.fold
    this.folding = options.fold
    this.grid = options.grid
    this.alignTo = options.grid.alignTo
    this.paneLength = paneLength
    this.sink = options.sink
    this.#ordered = options.ordered
    this.#loop = options.ordered
      ? ownCopy(holdInPanes<V, A, E>, options.stepId)
      : ownCopy(foldIntoPanes<V, A, E>, options.stepId)
  }

  /** Takes in a batch: `values[i]` has the key `keys[i]`. */
  onBatch(keys: readonly string[], values: readonly V[]): void {
    this.#loop(this, keys, values)
  }

  /** The stream's watermark moved: what it ends comes out, by (time, key). */
  onWatermark(watermark: number): void {
    if (watermark > this.watermark) this.watermark = watermark
    this.#closeUntil(this.watermark)
  }

  /** All input has ended: every window closes, key after key. The stream's watermark stays. */
  onEof(): void {
    for (const key of [...this.table.keys()].sort()) {
      const entry = this.table.get(key)
      if (entry !== undefined) this.closeAll(entry)
    }
    while (this.waiting.first !== Number.POSITIVE_INFINITY) this.waiting.takeFirst()
  }

  takeApart(key: string, stamp: TimeLike, value: V): void {
    const time = itemTime(stamp, 'WatermarkClock')
    if (time < this.watermark) {
      for (const id of this.grid.idsAt(time)) this.sink.late(key, id, value)
      return
    }
    const pane = Math.floor((time - this.alignTo) / this.paneLength)
    if (pane <= NO_PANE) throw outOfReach(time)
    const known = this.table.get(key)
    if (known !== undefined) this.table.touch(known)
    if (known?.has(pane) === true) {
      known.replace(pane, this.#withValue(known.heldIn(pane), time, value))
      return
    }
    const held = this.#withValue(this.#newHeld(), time, value)
    const entry = known ?? this.table.add(key)
    entry.add(pane, held)
    this.waitFor(entry, pane)
  }

  /** Forgets a key; lists that still name its entry find nothing in it. */
  forget(key: string): void {
    const entry = this.table.get(key)
    if (entry === undefined) return
    this.table.remove(entry)
    for (const pane of entry.panes()) entry.take(pane)
    this.clear(entry)
  }

  protected abstract newEntry(key: string): E
  /** What a snapshot keeps of an entry. */
  protected abstract stateOf(entry: E): unknown
  /** Takes a snapshot into a new entry. */
  protected abstract resume(entry: E, state: unknown): void
  /** A pane opened: the entry waits for the first of its windows. */
  protected abstract waitFor(entry: E, pane: number): void
  /** Drops what the entry keeps besides panes. */
  protected abstract clear(entry: E): void
  /** The window ends for an entry that waited for it. */
  protected abstract closeWindow(entry: E, id: number): void
  /** All windows of an entry end. */
  protected abstract closeAll(entry: E): void

  /** `NOTHING` where all values were passed over. */
  protected accumulatorOf(entry: E, held: unknown): A | typeof NOTHING {
    if (!this.#ordered) return held as A
    const failed = (value: V, error: unknown) => this.sink.failed(entry.$key, value, error)
    return (held as TimedValues<V>).fold(this.folding, failed)
  }

  protected panesOf(entry: E): PaneState[] {
    return entry.panes().map((pane) => [pane, this.#stored(entry.heldIn(pane))])
  }

  protected resumePanes(entry: E, panes: readonly PaneState[]): void {
    for (const [pane, stored] of panes) {
      entry.add(pane, this.#restored(stored))
      this.waitFor(entry, pane)
    }
  }

  #closeUntil(watermark: number): void {
    for (;;) {
      const id = this.waiting.first
      if (id === Number.POSITIVE_INFINITY || this.grid.closeOf(id) > watermark) return
      const entries = this.waiting.takeFirst()
      if (entries.length > 1) entries.sort(byKey)
      for (const entry of entries) this.closeWindow(entry, id)
    }
  }

  #make(key: string, resume: unknown): E {
    const entry = this.newEntry(key)
    if (resume !== null) this.resume(entry, resume)
    return entry
  }

  #newHeld(): unknown {
    return this.#ordered ? new TimedValues<V>() : this.folding.init()
  }

  #withValue(held: unknown, time: number, value: V): unknown {
    if (!this.#ordered) return this.fold(held as A, value)
    const values = held as TimedValues<V>
    values.times.push(time)
    values.values.push(value)
    return values
  }

  #stored(held: unknown): unknown {
    return this.#ordered && held instanceof TimedValues ? [held.times, held.values] : held
  }

  #restored(stored: unknown): unknown {
    if (!this.#ordered) return stored
    const [times, values] = stored as readonly [number[], V[]]
    return new TimedValues<V>([...times], [...values])
  }
}

const outOfReach = (time: number): RangeError =>
  new RangeError(`${time} is 2^31 panes or more before the windows' alignTo; set it closer.`)

const byKey = (a: PaneEntry, b: PaneEntry): number => {
  if (a.$key === b.$key) return 0
  return a.$key < b.$key ? -1 : 1
}
