import type { PaneState } from './pane-entry.ts'
import { plainCopy } from './plain-copy.ts'

/** What a snapshot keeps of both stacks. */
export interface PaneWindowState {
  readonly front: readonly PaneState[]
  readonly back: readonly PaneState[]
}

/** Shared by all windows without panes, and never written to. */
const NO_PANES: number[] = []
const NO_HELD: undefined[] = []

/**
 * The panes of one key's sliding window, merged in amortized constant time for each pane.
 *
 * Two stacks that stand bottom to bottom in one list: the front holds, for each of its panes, what
 * that pane and all later ones of the front come to; the back holds its panes and what they come to
 * together. Panes leave at the front; when it is used up the back becomes the front where it is.
 * Source: "Low-Latency Sliding-Window Aggregation in Worst-Case Constant Time", Tangwongsan, Hirzel,
 * Schneider, DEBS 2017, section 3 (the two-stacks algorithm).
 *
 * `merge` may change and keep either side, so it is given a copy of what is needed again.
 */
export class PaneWindow<A> {
  readonly #merge: (into: A, from: A) => A
  /** Ascending; those before `#first` have left. */
  #panes: number[] = NO_PANES
  #held: (A | undefined)[] = NO_HELD
  #first = 0
  /** Where the front ends and the back begins. */
  #backFrom = 0
  #backTotal: A | undefined = undefined

  constructor(merge: (into: A, from: A) => A) {
    this.#merge = merge
  }

  /** The number of the latest pane; minus infinity without one. */
  get newest(): number {
    const size = this.#panes.length
    return size > this.#first ? (this.#panes[size - 1] as number) : Number.NEGATIVE_INFINITY
  }

  /** Adds a pane later than all others. */
  push(pane: number, held: A): void {
    const copy = plainCopy(held)
    const isFirst = this.#backFrom === this.#panes.length
    this.#backTotal = isFirst ? copy : this.#merge(this.#backTotal as A, copy)
    this.#append(pane, held)
  }

  /**
   * Drops all panes before `first`; what the rest, at least one, come to. The next window begins at
   * `next`: what only this one needs is given away, not copied.
   */
  slideTo(first: number, next: number): A {
    this.#dropBefore(first)
    const at = this.#first
    if (at === this.#backFrom) return plainCopy(this.#backTotal as A)
    const isLast = (this.#panes[at] as number) < next
    const front = isLast ? (this.#held[at] as A) : plainCopy(this.#held[at] as A)
    const hasBack = this.#backFrom < this.#panes.length
    const total = hasBack ? this.#merge(front, plainCopy(this.#backTotal as A)) : front
    if (isLast) this.#dropBefore(next)
    return total
  }

  clear(): void {
    this.#panes = NO_PANES
    this.#held = NO_HELD
    this.#first = 0
    this.#backFrom = 0
    this.#backTotal = undefined
  }

  snapshot(): PaneWindowState {
    const states = this.#panes.map((pane, at): PaneState => [pane, this.#held[at]])
    return {
      front: states.slice(this.#first, this.#backFrom).reverse(),
      back: states.slice(this.#backFrom),
    }
  }

  resume({ front, back }: PaneWindowState): void {
    this.clear()
    for (let at = front.length - 1; at >= 0; at--) {
      const [pane, held] = front[at] as PaneState
      this.#append(pane, held as A)
    }
    this.#backFrom = front.length
    for (const [pane, held] of back) this.push(pane, held as A)
  }

  /** Most keys have one pane at a time, and a list that is made with it is an eighth of one that grows. */
  #append(pane: number, held: A): void {
    if (this.#panes.length === 0) {
      this.#panes = [pane]
      this.#held = [held]
    } else {
      this.#panes.push(pane)
      this.#held.push(held)
    }
  }

  #dropBefore(pane: number): void {
    const panes = this.#panes
    while (this.#first < panes.length && (panes[this.#first] as number) < pane) {
      this.#held[this.#first++] = undefined
    }
    if (this.#first > this.#backFrom) this.#turnOver()
  }

  /** Makes the panes of the back that are left the front, and gives up the room of those that left. */
  #turnOver(): void {
    const held = this.#held
    if (this.#first === held.length) {
      this.clear()
      return
    }
    this.#panes.splice(0, this.#first)
    held.splice(0, this.#first)
    for (let at = held.length - 2; at >= 0; at--) {
      held[at] = this.#merge(held[at] as A, plainCopy(held[at + 1] as A))
    }
    this.#first = 0
    this.#backFrom = held.length
    this.#backTotal = undefined
  }
}
