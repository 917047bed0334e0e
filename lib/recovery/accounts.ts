import type { LiveRows } from './newest.ts'

/** Below this a step's garbage is not worth a sweep. */
const WORTHWHILE_BYTES = 128 * 1024
/** A step of at most so many bytes is swept when a run ends, that its store be left small. */
const TIDY_BYTES = 64 * 1024 * 1024

interface Account {
  /** Live rows before the horizon, as the last sweep or load found them. */
  settled: LiveRows
  /** Rows before the horizon that came since, of which any may supersede one. */
  fresh: LiveRows
  /** Rows that are not yet before the horizon, by epoch. */
  readonly open: Map<number, LiveRows>
}

/** How much of each step may be garbage, judged without reading a row. */
export class Accounts {
  readonly #steps = new Map<string, Account>()

  added(stepId: string, epoch: number, found: LiveRows): void {
    const { open } = this.#of(stepId)
    const rows = open.get(epoch)
    if (rows === undefined) open.set(epoch, { ...found })
    else add(rows, found)
  }

  /** A block was read, of which nothing is known yet. */
  loaded(stepId: string, bytes: number): void {
    this.#of(stepId).fresh.bytes += bytes
  }

  /** Rows of what was read turned out to be live, each key once. */
  live(stepId: string, found: LiveRows): void {
    const { settled, fresh } = this.#of(stepId)
    add(settled, found)
    fresh.bytes = Math.max(0, fresh.bytes - found.bytes)
  }

  moveTo(horizon: number): void {
    for (const { open, fresh } of this.#steps.values()) {
      for (const [epoch, rows] of open) {
        if (epoch >= horizon) continue
        add(fresh, rows)
        open.delete(epoch)
      }
    }
  }

  /** The steps that are due for a sweep. */
  due(): readonly string[] {
    return [...this.#steps]
      .filter(([, { fresh, settled }]) => fresh.bytes > Math.max(WORTHWHILE_BYTES, settled.bytes))
      .map(([stepId]) => stepId)
  }

  /** The steps that a run which ends sweeps on its way out: there is something to gain, soon. */
  untidy(): readonly string[] {
    return [...this.#steps]
      .filter(
        ([, { fresh, settled }]) =>
          fresh.bytes > Math.max(WORTHWHILE_BYTES, settled.bytes / 2) &&
          fresh.bytes + settled.bytes <= TIDY_BYTES,
      )
      .map(([stepId]) => stepId)
  }

  expectedRows(stepId: string): number {
    const { settled, fresh } = this.#of(stepId)
    return settled.rows + fresh.rows
  }

  /** A sweep begins: what is fresh now is its. */
  sweeping(stepId: string): void {
    const account = this.#of(stepId)
    add(account.settled, account.fresh)
    account.fresh = { rows: 0, bytes: 0 }
  }

  swept(stepId: string, found: LiveRows): void {
    this.#of(stepId).settled = { rows: found.rows, bytes: found.bytes }
  }

  /** A sweep ended before it had seen all: whatever is there may be garbage. */
  gaveUp(stepId: string): void {
    const { settled, fresh } = this.#of(stepId)
    add(fresh, settled)
    settled.rows = 0
    settled.bytes = 0
  }

  clear(): void {
    this.#steps.clear()
  }

  #of(stepId: string): Account {
    let account = this.#steps.get(stepId)
    if (account === undefined) {
      account = { settled: { rows: 0, bytes: 0 }, fresh: { rows: 0, bytes: 0 }, open: new Map() }
      this.#steps.set(stepId, account)
    }
    return account
  }
}

const add = (to: LiveRows, found: LiveRows): void => {
  to.rows += found.rows
  to.bytes += found.bytes
}
