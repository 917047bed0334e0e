import { Entry } from '../../lib/state/entry.ts'

/** One pane and what it holds, as a snapshot keeps it. */
export type PaneState = readonly [pane: number, held: unknown]

/** Shared by all entries without further panes, and never written to. */
const NO_PANES: number[] = []
const NO_HELD: unknown[] = []

/** The number of no pane: a small integer, so that the fields of an entry stay small integers. */
export const NO_PANE: number = -(2 ** 31)

/**
 * What a table keeps of one key: an object with the newest pane, and the one before, in fields of its
 * own, so that most values touch no collection. Panes are numbered by time.
 */
export class PaneEntry extends Entry {
  pane: number = NO_PANE
  held: unknown = undefined
  olderPane: number = NO_PANE
  olderHeld: unknown = undefined
  /** Further panes, ascending, and what they hold; mostly none. */
  restPanes: number[] = NO_PANES
  restHeld: unknown[] = NO_HELD

  constructor(key: string) {
    super()
    this.$key = key
  }

  has(pane: number): boolean {
    return pane === this.pane || pane === this.olderPane || this.placeOf(pane) !== -1
  }

  /** What a pane holds, without taking it out. */
  heldIn(pane: number): unknown {
    if (pane === this.pane) return this.held
    return pane === this.olderPane ? this.olderHeld : this.restHeld[this.placeOf(pane)]
  }

  /** Where a pane lies among the further ones, or -1; the latest are found first. */
  placeOf(pane: number): number {
    const panes = this.restPanes
    for (let at = panes.length - 1; at >= 0; at--) {
      const other = panes[at] as number
      if (other <= pane) return other === pane ? at : -1
    }
    return -1
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
      this.#addFurther(pane, held)
    }
  }

  replace(pane: number, held: unknown): void {
    if (pane === this.pane) this.held = held
    else if (pane === this.olderPane) this.olderHeld = held
    else this.restHeld[this.placeOf(pane)] = held
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
      this.#takeFurther(this.placeOf(pane))
    }
    return held
  }

  /** The number of the first pane; `Infinity` without one. */
  oldest(): number {
    let oldest = this.pane === NO_PANE ? Number.POSITIVE_INFINITY : this.pane
    if (this.olderPane !== NO_PANE && this.olderPane < oldest) oldest = this.olderPane
    const further = this.restPanes[0]
    return further !== undefined && further < oldest ? further : oldest
  }

  /** The numbers of all panes, ascending. */
  panes(): number[] {
    const panes = [...this.restPanes]
    if (this.olderPane !== NO_PANE) panes.push(this.olderPane)
    if (this.pane !== NO_PANE) panes.push(this.pane)
    return panes.length > 1 ? panes.sort((a, b) => a - b) : panes
  }

  #makeRoom(): void {
    if (this.pane === NO_PANE) return
    if (this.olderPane !== NO_PANE) {
      this.#addFurther(this.olderPane, this.olderHeld)
    }
    this.olderPane = this.pane
    this.olderHeld = this.held
  }

  #addFurther(pane: number, held: unknown): void {
    if (this.restPanes.length === 0) {
      this.restPanes = [pane]
      this.restHeld = [held]
      return
    }
    let at = this.restPanes.length
    while (at > 0 && (this.restPanes[at - 1] as number) > pane) at--
    this.restPanes.splice(at, 0, pane)
    this.restHeld.splice(at, 0, held)
  }

  #takeFurther(at: number): void {
    if (at === -1) return
    if (this.restPanes.length === 1) {
      this.restPanes = NO_PANES
      this.restHeld = NO_HELD
      return
    }
    this.restPanes.splice(at, 1)
    this.restHeld.splice(at, 1)
  }
}
