import { PaneEntry, type PaneState } from './pane-entry.ts'
import { PaneTable, type PaneTableOptions } from './pane-table.ts'
import { NOTHING } from './timed-values.ts'
import { WindowSpan } from './window-metadata.ts'

/** Tumbling windows of all keys of a step: a window is a pane, with its id as number. */
export class TumblingTable<V, A> extends PaneTable<V, A, PaneEntry> {
  /** Keys whose window closes together share its metadata. */
  #span = new WindowSpan(Number.NaN, Number.NaN)

  constructor(options: PaneTableOptions<V, A>) {
    super(options, options.grid.length)
  }

  protected override stateOf(entry: PaneEntry): readonly PaneState[] {
    return this.panesOf(entry)
  }

  protected override resume(entry: PaneEntry, panes: readonly PaneState[]): void {
    this.resumePanes(entry, panes)
  }

  protected override newEntry(key: string): PaneEntry {
    return new PaneEntry(key)
  }

  protected override waitFor(entry: PaneEntry, pane: number): void {
    this.waiting.add(pane, entry)
  }

  protected override closeWindow(entry: PaneEntry, id: number): void {
    if (!entry.has(id)) return
    this.table.touch(entry)
    const accumulator = this.accumulatorOf(entry, entry.take(id))
    if (accumulator !== NOTHING) this.#emit(entry, id, accumulator)
    if (entry.oldest() === Number.POSITIVE_INFINITY) this.table.remove(entry)
  }

  #emit(entry: PaneEntry, id: number, accumulator: A): void {
    const open = this.grid.openOf(id)
    this.sink.down(entry.$key, id, accumulator)
    if (this.#span.openMillis !== open) this.#span = new WindowSpan(open, this.grid.closeOf(id))
    this.sink.meta(entry.$key, id, this.#span)
  }

  protected override closeAll(entry: PaneEntry): void {
    for (const id of entry.panes()) this.closeWindow(entry, id)
  }

  protected override clear(_entry: PaneEntry): void {}
}
