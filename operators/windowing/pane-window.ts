import type { PaneState } from './pane-entry.ts'
import { plainCopy } from './plain-copy.ts'

/** What a snapshot keeps of both stacks. */
export interface PaneWindowState {
  readonly front: readonly PaneState[]
  readonly back: readonly PaneState[]
}

/**
 * The panes of one key's sliding window, merged in amortized constant time for each pane.
 *
 * Two stacks: the front holds, for each of its panes, what that pane and all later ones of the front
 * come to; the back holds its panes and what they come to together. Panes leave at the front; when
 * it is used up the back is turned over.
 * Source: "Low-Latency Sliding-Window Aggregation in Worst-Case Constant Time", Tangwongsan, Hirzel,
 * Schneider, DEBS 2017, section 3 (the two-stacks algorithm).
 *
 * `merge` may change and keep either side, so it is given a copy of what is needed again.
 */
export class PaneWindow<A> {
  readonly #merge: (into: A, from: A) => A
  /** From the latest pane to the earliest, which is on top. */
  readonly #frontPanes: number[] = []
  readonly #front: A[] = []
  readonly #backPanes: number[] = []
  readonly #back: A[] = []
  #backTotal: A | undefined = undefined

  constructor(merge: (into: A, from: A) => A) {
    this.#merge = merge
  }

  /** The number of the latest pane; minus infinity without one. */
  get newest(): number {
    const back = this.#backPanes.at(-1)
    return back ?? this.#frontPanes[0] ?? Number.NEGATIVE_INFINITY
  }

  /** Adds a pane later than all others. */
  push(pane: number, held: A): void {
    const copy = plainCopy(held)
    this.#backTotal = this.#back.length === 0 ? copy : this.#merge(this.#backTotal as A, copy)
    this.#backPanes.push(pane)
    this.#back.push(held)
  }

  /** Drops all panes before `first`; what the rest, at least one, come to. */
  slideTo(first: number): A {
    this.#dropFront(first)
    if (this.#front.length === 0 && (this.#backPanes[0] ?? first) < first) this.#turnOver(first)
    if (this.#front.length === 0) return plainCopy(this.#backTotal as A)
    const front = this.#front[this.#front.length - 1] as A
    if (this.#back.length === 0) return plainCopy(front)
    return this.#merge(plainCopy(front), plainCopy(this.#backTotal as A))
  }

  clear(): void {
    this.#frontPanes.length = 0
    this.#front.length = 0
    this.#clearBack()
  }

  snapshot(): PaneWindowState {
    return {
      front: this.#front.map((held, at) => [this.#frontPanes[at] as number, held]),
      back: this.#back.map((held, at) => [this.#backPanes[at] as number, held]),
    }
  }

  resume({ front, back }: PaneWindowState): void {
    this.clear()
    for (const [pane, held] of front) {
      this.#frontPanes.push(pane)
      this.#front.push(held as A)
    }
    for (const [pane, held] of back) this.push(pane, held as A)
  }

  #dropFront(first: number): void {
    const panes = this.#frontPanes
    while (panes.length > 0 && (panes[panes.length - 1] as number) < first) {
      panes.pop()
      this.#front.pop()
    }
  }

  #turnOver(first: number): void {
    let total: A | undefined
    for (let at = this.#back.length - 1; at >= 0; at--) {
      const pane = this.#backPanes[at] as number
      if (pane < first) break
      const held = this.#back[at] as A
      total = this.#front.length === 0 ? held : this.#merge(held, plainCopy(total as A))
      this.#frontPanes.push(pane)
      this.#front.push(total)
    }
    this.#clearBack()
  }

  #clearBack(): void {
    this.#backPanes.length = 0
    this.#back.length = 0
    this.#backTotal = undefined
  }
}
