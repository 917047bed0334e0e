/** One pane: a stretch of time, named by where it opens, and what its values came to. */
export type PaneState = readonly [open: number, held: unknown]

/**
 * What a table keeps of one key: an object with the newest pane, and the one before, in fields of its
 * own, so that most values touch no collection.
 *
 * A slot without a pane opens at infinity and closes at minus infinity, which holds no time.
 */
export class PaneEntry {
  readonly key: string
  open: number = Number.POSITIVE_INFINITY
  close: number = Number.NEGATIVE_INFINITY
  held: unknown = undefined
  olderOpen: number = Number.POSITIVE_INFINITY
  olderClose: number = Number.NEGATIVE_INFINITY
  olderHeld: unknown = undefined
  /** Further panes by where they open. */
  rest: Map<number, unknown> | null = null
  isChanged = false

  constructor(key: string) {
    this.key = key
  }

  /** Adds a pane that is not there yet; the newest comes first. */
  add(open: number, close: number, held: unknown): void {
    if (this.close < this.open || open > this.open) {
      this.#pushOlder()
      this.open = open
      this.close = close
      this.held = held
    } else if (this.olderClose < this.olderOpen) {
      this.olderOpen = open
      this.olderClose = close
      this.olderHeld = held
    } else {
      this.rest ??= new Map()
      this.rest.set(open, held)
    }
  }

  /** Takes a pane out. */
  take(open: number): unknown {
    if (open === this.open) {
      const held = this.held
      this.open = Number.POSITIVE_INFINITY
      this.close = Number.NEGATIVE_INFINITY
      this.held = undefined
      return held
    }
    if (open === this.olderOpen) {
      const held = this.olderHeld
      this.olderOpen = Number.POSITIVE_INFINITY
      this.olderClose = Number.NEGATIVE_INFINITY
      this.olderHeld = undefined
      return held
    }
    const held = this.rest?.get(open)
    this.rest?.delete(open)
    if (this.rest?.size === 0) this.rest = null
    return held
  }

  /** Where the panes open, ascending. */
  opens(): number[] {
    const opens = this.rest === null ? [] : [...this.rest.keys()]
    if (this.olderClose > this.olderOpen) opens.push(this.olderOpen)
    if (this.close > this.open) opens.push(this.open)
    return opens.length > 1 ? opens.sort((a, b) => a - b) : opens
  }

  has(open: number): boolean {
    return open === this.open || open === this.olderOpen || this.rest?.has(open) === true
  }

  /** Where the first pane opens; `Infinity` without one. */
  oldest(): number {
    let oldest = this.open < this.olderOpen ? this.open : this.olderOpen
    if (this.rest !== null) for (const open of this.rest.keys()) oldest = Math.min(oldest, open)
    return oldest
  }

  /** What a pane holds, without taking it out. */
  heldAt(open: number): unknown {
    if (open === this.open) return this.held
    return open === this.olderOpen ? this.olderHeld : this.rest?.get(open)
  }

  replace(open: number, held: unknown): void {
    if (open === this.open) this.held = held
    else if (open === this.olderOpen) this.olderHeld = held
    else this.rest?.set(open, held)
  }

  #pushOlder(): void {
    if (this.close < this.open) return
    if (this.olderClose > this.olderOpen) {
      this.rest ??= new Map()
      this.rest.set(this.olderOpen, this.olderHeld)
    }
    this.olderOpen = this.open
    this.olderClose = this.close
    this.olderHeld = this.held
  }
}
