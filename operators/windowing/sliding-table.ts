import { BuildError } from '../../lib/errors/errors.ts'
import { PaneEntry, type PaneState } from './pane-entry.ts'
import { PaneTable, type PaneTableOptions } from './pane-table.ts'
import { PaneWindow, type PaneWindowState } from './pane-window.ts'
import { NOTHING } from './timed-values.ts'
import { WindowGrid } from './window-grid.ts'
import { WindowSpan } from './window-metadata.ts'

/** A key of sliding windows: panes still open to values, and those that the last window held. */
class SlidingEntry<A> extends PaneEntry {
  readonly window: PaneWindow<A>
  /** The window that the key waits for; it stands in older lists too, which pass it over. */
  nextId: number = Number.POSITIVE_INFINITY

  constructor(key: string, window: PaneWindow<A>) {
    super(key)
    this.window = window
  }
}

/** What a snapshot keeps of a key. */
export interface SlidingTableState {
  readonly nextId: number
  readonly panes: readonly PaneState[]
  readonly closed: PaneWindowState
}

/**
 * The width of the panes that sliding windows are made of, the greatest common divisor of length
 * and offset; `null` where those are not whole milliseconds.
 */
export const paneLength = (grid: WindowGrid): number | null => {
  let [a, b] = [grid.length, grid.offset]
  if (!Number.isInteger(a) || !Number.isInteger(b)) return null
  while (b !== 0) [a, b] = [b, a % b]
  return a
}

/**
 * Sliding windows of all keys of a step, made of panes: a value is folded once, and a window that
 * closes costs about three merges, whatever its length and offset.
 *
 * Within a window values are folded pane by pane. When ordered that is by time; when not, the result
 * is that of arrival order only for a fold that does not care about order.
 */
export class SlidingTable<V, A> extends PaneTable<V, A, SlidingEntry<A>> {
  /** The windows again, in numbers of panes. */
  readonly #byPane: WindowGrid
  #span = new WindowSpan(Number.NaN, Number.NaN)

  constructor(options: PaneTableOptions<V, A>) {
    const { length, offset } = options.grid
    const pane = paneLength(options.grid)
    if (pane === null) throw new BuildError('Sliding windows of panes need whole milliseconds.')
    super(options, pane)
    this.#byPane = new WindowGrid(length / pane, offset / pane, 0)
  }

  protected override stateOf(entry: SlidingEntry<A>): SlidingTableState {
    const { nextId, window } = entry
    return { nextId, panes: this.panesOf(entry), closed: window.snapshot() }
  }

  protected override resume(entry: SlidingEntry<A>, state: SlidingTableState): void {
    this.resumePanes(entry, state.panes)
    entry.window.resume(state.closed)
    this.#waitForId(entry, state.nextId)
  }

  protected override newEntry(key: string): SlidingEntry<A> {
    return new SlidingEntry(key, new PaneWindow(this.folding.merge))
  }

  protected override waitFor(entry: SlidingEntry<A>, pane: number): void {
    const first = this.#byPane.firstId(pane)
    if (first < entry.nextId) this.#waitForId(entry, first)
  }

  protected override closeWindow(entry: SlidingEntry<A>, id: number): void {
    if (entry.nextId !== id) return
    this.table.touch(entry)
    const { window } = entry
    const end = this.#byPane.closeOf(id)
    for (let pane = entry.oldest(); pane < end; pane = entry.oldest()) {
      const accumulator = this.accumulatorOf(entry, entry.take(pane))
      if (accumulator !== NOTHING) window.push(pane, accumulator)
    }
    // It is empty if all its values were passed over.
    if (window.newest >= this.#byPane.openOf(id)) this.#emit(entry, id)
    this.#waitForNext(entry, id)
  }

  #emit(entry: SlidingEntry<A>, id: number): void {
    const next = this.#byPane.openOf(id + 1)
    this.sink.down(entry.$key, id, entry.window.slideTo(this.#byPane.openOf(id), next))
    const open = this.grid.openOf(id)
    if (this.#span.openMillis !== open) this.#span = new WindowSpan(open, this.grid.closeOf(id))
    this.sink.meta(entry.$key, id, this.#span)
  }

  protected override closeAll(entry: SlidingEntry<A>): void {
    while (entry.nextId !== Number.POSITIVE_INFINITY) this.closeWindow(entry, entry.nextId)
  }

  protected override clear(entry: SlidingEntry<A>): void {
    entry.nextId = Number.POSITIVE_INFINITY
    entry.window.clear()
  }

  #waitForNext(entry: SlidingEntry<A>, id: number): void {
    entry.nextId = Number.POSITIVE_INFINITY
    const pane = entry.oldest()
    if (entry.window.newest >= this.#byPane.openOf(id + 1)) {
      this.#waitForId(entry, id + 1)
    } else if (pane !== Number.POSITIVE_INFINITY) {
      entry.window.clear()
      this.#waitForId(entry, Math.max(id + 1, this.#byPane.firstId(pane)))
    }
    if (entry.nextId === Number.POSITIVE_INFINITY) this.table.remove(entry)
  }

  #waitForId(entry: SlidingEntry<A>, id: number): void {
    entry.nextId = id
    this.waiting.add(id, entry)
  }
}
