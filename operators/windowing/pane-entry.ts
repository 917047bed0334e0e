/** One pane and what it holds, as a snapshot keeps it. */
export type PaneState = readonly [pane: number, held: unknown]

/** The number of no pane: a small integer, so that the fields of an entry stay small integers. */
export const NO_PANE: number = -(2 ** 31)

/**
 * What a table keeps of one key: an object with the newest pane, and the one before, in fields of its
 * own, so that most values touch no collection. Panes are numbered by time.
 */
export class PaneEntry {
  readonly key: string
  pane: number = NO_PANE
  held: unknown = undefined
  olderPane: number = NO_PANE
  olderHeld: unknown = undefined
  /** Further panes by number. */
  rest: Map<number, unknown> | null = null
  /** The round of `takeChanged` in which the key changed. */
  changedIn = 0

  constructor(key: string) {
    this.key = key
  }

  has(pane: number): boolean {
    return pane === this.pane || pane === this.olderPane || this.rest?.has(pane) === true
  }

  /** What a pane holds, without taking it out. */
  heldIn(pane: number): unknown {
    if (pane === this.pane) return this.held
    return pane === this.olderPane ? this.olderHeld : this.rest?.get(pane)
  }

  /** Adds a pane that is not there yet; the newest comes first. */
  add(pane: number, held: unknown): void {
    if (this.pane === NO_PANE || pane > this.pane) {
      this.#makeRoom()
      this.pane = pane
      this.held = held
    } else if (this.olderPane === NO_PANE) {
      this.olderPane = pane
      this.olderHeld = held
    } else {
      this.rest ??= new Map()
      this.rest.set(pane, held)
    }
  }

  replace(pane: number, held: unknown): void {
    if (pane === this.pane) this.held = held
    else if (pane === this.olderPane) this.olderHeld = held
    else this.rest?.set(pane, held)
  }

  /** Takes a pane out. */
  take(pane: number): unknown {
    const held = this.heldIn(pane)
    if (pane === this.pane) {
      this.pane = NO_PANE
      this.held = undefined
    } else if (pane === this.olderPane) {
      this.olderPane = NO_PANE
      this.olderHeld = undefined
    } else {
      this.rest?.delete(pane)
      if (this.rest?.size === 0) this.rest = null
    }
    return held
  }

  /** The number of the first pane; `Infinity` without one. */
  oldest(): number {
    let oldest = this.pane === NO_PANE ? Number.POSITIVE_INFINITY : this.pane
    if (this.olderPane !== NO_PANE && this.olderPane < oldest) oldest = this.olderPane
    if (this.rest !== null) for (const pane of this.rest.keys()) oldest = Math.min(oldest, pane)
    return oldest
  }

  /** The numbers of all panes, ascending. */
  panes(): number[] {
    const panes = this.rest === null ? [] : [...this.rest.keys()]
    if (this.olderPane !== NO_PANE) panes.push(this.olderPane)
    if (this.pane !== NO_PANE) panes.push(this.pane)
    return panes.length > 1 ? panes.sort((a, b) => a - b) : panes
  }

  #makeRoom(): void {
    if (this.pane === NO_PANE) return
    if (this.olderPane !== NO_PANE) {
      this.rest ??= new Map()
      this.rest.set(this.olderPane, this.olderHeld)
    }
    this.olderPane = this.pane
    this.olderHeld = this.held
  }
}
