import { ownCopy } from '../../lib/actor/own-copy.ts'
import type { TimeLike } from '../../lib/time/time.ts'
import { Buckets } from './buckets.ts'
import type { WindowFold } from './fold-logic.ts'
import { itemTime } from './item-time.ts'
import { NO_PANE, type PaneEntry, type PaneState } from './pane-entry.ts'
import { foldIntoPanes, holdInPanes, type PaneLoopTable } from './pane-loops.ts'
import { TimedValues } from './timed-values.ts'
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
  readonly entries: Map<string, E> = new Map()
  readonly timestamp: (value: V) => TimeLike
  readonly fold: (accumulator: A, value: V) => A
  watermark: number = Number.NEGATIVE_INFINITY
  position = 0
  round = 1
  readonly alignTo: number
  readonly paneLength: number
  protected readonly folding: WindowFold<V, A>
  protected readonly grid: WindowGrid
  protected readonly sink: WindowSink<V, A>
  protected readonly waiting: Buckets<E> = new Buckets()
  readonly #ordered: boolean
  readonly #loop: PaneLoop<V, A, E>
  #changed: string[] = []

  constructor(options: PaneTableOptions<V, A>, paneLength: number) {
    this.timestamp = options.timestamp
    this.fold = options.fold.fold
    this.folding = options.fold
    this.grid = options.grid
    this.alignTo = options.grid.alignTo
    this.paneLength = paneLength
    this.sink = options.sink
    this.#ordered = options.ordered
    this.#loop = options.ordered
      ? ownCopy(holdInPanes<V, A, E>, 'hold-in-panes')
      : ownCopy(foldIntoPanes<V, A, E>, 'fold-into-panes')
  }

  get size(): number {
    return this.entries.size
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
    for (const key of [...this.entries.keys()].sort()) {
      const entry = this.entries.get(key)
      if (entry !== undefined) this.closeAll(entry)
    }
    while (this.waiting.first !== Number.POSITIVE_INFINITY) this.waiting.takeFirst()
  }

  /** The keys that changed since the last call, each at least once. */
  takeChanged(): string[] {
    const changed = this.#changed
    this.#changed = []
    this.round += 1
    return changed
  }

  change(entry: E): void {
    if (entry.changedIn === this.round) return
    entry.changedIn = this.round
    this.#changed.push(entry.key)
  }

  takeApart(key: string, stamp: TimeLike, value: V): void {
    const time = itemTime(stamp, 'WatermarkClock')
    if (time < this.watermark) {
      for (const id of this.grid.idsAt(time)) this.sink.late(key, id, value)
      return
    }
    const pane = Math.floor((time - this.alignTo) / this.paneLength)
    if (pane <= NO_PANE) throw outOfReach(time)
    const known = this.entries.get(key)
    if (known?.has(pane) === true) {
      known.replace(pane, this.#withValue(known.heldIn(pane), time, value))
      this.change(known)
      return
    }
    const held = this.#withValue(this.#newHeld(), time, value)
    const entry = known ?? this.#add(key)
    entry.add(pane, held)
    this.waitFor(entry, pane)
    this.change(entry)
  }

  /** The key's state is gone; lists that still name its entry find nothing in it. */
  unload(key: string): void {
    const entry = this.entries.get(key)
    if (entry === undefined) return
    this.entries.delete(key)
    for (const pane of entry.panes()) entry.take(pane)
    this.clear(entry)
  }

  protected abstract newEntry(key: string): E
  /** A pane opened: the entry waits for the first of its windows. */
  protected abstract waitFor(entry: E, pane: number): void
  /** Drops what the entry keeps besides panes. */
  protected abstract clear(entry: E): void
  /** The window ends for an entry that waited for it. */
  protected abstract closeWindow(entry: E, id: number): void
  /** All windows of an entry end. */
  protected abstract closeAll(entry: E): void

  protected forgetIfEmpty(entry: E, isEmpty: boolean): void {
    this.change(entry)
    if (isEmpty) this.entries.delete(entry.key)
  }

  protected accumulatorOf(held: unknown): A {
    if (!this.#ordered) return held as A
    return (held as TimedValues<V>).fold(this.folding.init(), this.fold)
  }

  protected panesOf(entry: E): PaneState[] {
    return entry.panes().map((pane) => [pane, this.#stored(entry.heldIn(pane))])
  }

  protected resume(key: string, panes: readonly PaneState[]): E {
    const entry = this.#add(key)
    for (const [pane, stored] of panes) {
      entry.add(pane, this.#restored(stored))
      this.waitFor(entry, pane)
    }
    return entry
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

  #add(key: string): E {
    const entry = this.newEntry(key)
    this.entries.set(key, entry)
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
  if (a.key === b.key) return 0
  return a.key < b.key ? -1 : 1
}
