import { BuildError } from '../../lib/errors/errors.ts'
import type { DurationLike, TimeLike } from '../../lib/time/time.ts'
import { WindowGrid } from './window-grid.ts'
import { type WindowMetadata, WindowSpan } from './window-metadata.ts'
import { pointInTime, positiveLength } from './window-options.ts'
import { Windower, type WindowerLogic } from './windower.ts'

export interface SlidingWindowerOptions {
  /** How long a window is. */
  readonly length: DurationLike
  /** How long after one window the next one opens; at most `length`, so there are no gaps. */
  readonly offset: DurationLike
  /** Where window 0 opens. */
  readonly alignTo: TimeLike
}

/**
 * Assign each value to all windows of fixed length that hold its time.
 *
 * Window `i` is [alignTo + i * offset, alignTo + i * offset + length), for negative `i` too: ids are
 * a function of time alone. It closes when the watermark reaches its end.
 *
 * @throws BuildError where a length is not positive, or `offset` is longer than `length`
 *
 * @example
 * ```ts
 * new SlidingWindower({ length: { minutes: 10 }, offset: { minutes: 5 }, alignTo: 0 })
 * ```
 */
export class SlidingWindower extends Windower<number[]> {
  readonly grid: WindowGrid

  constructor(options: SlidingWindowerOptions) {
    super()
    const length = positiveLength(options.length, 'SlidingWindower: length')
    const offset = positiveLength(options.offset, 'SlidingWindower: offset')
    const alignTo = pointInTime(options.alignTo, 'SlidingWindower: alignTo')
    if (offset > length) {
      throw new BuildError(
        `SlidingWindower: offset (${offset} ms) is longer than length (${length} ms), which leaves ` +
          'gaps that belong to no window. Make offset at most length.',
      )
    }
    this.grid = new WindowGrid(length, offset, alignTo)
  }

  override build(resume: number[] | null): WindowerLogic<number[]> {
    return new GridWindowerLogic(this.grid, resume)
  }
}

/** The open windows of one key on a grid, by ascending id and so by ascending end. */
export class GridWindowerLogic implements WindowerLogic<number[]> {
  readonly #grid: WindowGrid
  readonly #open: number[]

  constructor(grid: WindowGrid, resume: number[] | null) {
    this.#grid = grid
    this.#open = resume === null ? [] : [...resume]
  }

  openFor(time: number, watermark: number): number[] {
    const all = this.#grid.idsAt(time)
    const ids = this.#grid.closeOf(all[0] ?? 0) > watermark ? all : this.#notEnded(all, watermark)
    for (const id of ids) this.#keepOpen(id)
    return ids
  }

  lateFor(time: number): number[] {
    return this.#grid.idsAt(time)
  }

  merged(): [number, number][] {
    return []
  }

  closeFor(watermark: number): [number, WindowMetadata][] {
    const first = this.#open[0]
    if (first === undefined || this.#grid.closeOf(first) > watermark) return []
    const closed: [number, WindowMetadata][] = []
    for (const id of this.#open) {
      if (this.#grid.closeOf(id) > watermark) break
      closed.push([id, this.metadataOf(id)])
    }
    this.#open.splice(0, closed.length)
    return closed
  }

  notifyAt(): number | null {
    const first = this.#open[0]
    return first === undefined ? null : this.#grid.closeOf(first)
  }

  isEmpty(): boolean {
    return this.#open.length === 0
  }

  snapshot(): number[] {
    return [...this.#open]
  }

  closesAt(id: number): number {
    return this.#grid.closeOf(id)
  }

  metadataOf(id: number): WindowMetadata {
    return new WindowSpan(this.#grid.openOf(id), this.#grid.closeOf(id))
  }

  #notEnded(ids: readonly number[], watermark: number): number[] {
    return ids.filter((id) => this.#grid.closeOf(id) > watermark)
  }

  /** New windows are mostly the newest, so the place is looked for from the end. */
  #keepOpen(id: number): void {
    const open = this.#open
    let at = open.length
    while (at > 0 && (open[at - 1] ?? id) > id) at--
    if (at > 0 && open[at - 1] === id) return
    open.splice(at, 0, id)
  }
}
