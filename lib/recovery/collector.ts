import type { Runtime } from '../runtime/runtime.ts'
import type { Accounts } from './accounts.ts'
import type { BlockKey } from './block-key.ts'
import type { Serial } from './serial.ts'
import { type SweepLog, sweep } from './sweep.ts'
import type { KeyRange } from './table.ts'

/** The longest that a sweep keeps the event loop to itself, in milliseconds. */
const SLICE = 3

export interface CollectorOptions extends Omit<SweepLog, 'breathe'> {
  readonly accounts: Accounts
  readonly runtime: Runtime
  /** Shared by the partitions of a process: one sweeps at a time. */
  readonly turns: Serial
  /** Told of a sweep that failed; what it did not reach is due again after the next load. */
  failed(cause: unknown): void
  /** Rows before it may be collected; 0 while nothing can be written. */
  horizon(): number
  compact(range: KeyRange): Promise<void>
}

/** Sweeps the steps of one partition in the background, as their garbage outgrows what is live. */
export class Collector {
  readonly #options: CollectorOptions
  #running: Promise<void> | null = null
  #closing = false
  #tidying = false
  #sliceEnd = 0

  constructor(options: CollectorOptions) {
    this.#options = options
  }

  collectIfDue(): void {
    if (this.#running !== null || this.#closing) return
    const due = this.#options.accounts.due()
    if (due.length === 0) return
    this.#running = this.#inTurn(due).finally(() => {
      this.#running = null
    })
  }

  /** Garbage that grows faster than it is collected slows its writer, and so the sources. */
  async keptUp(): Promise<void> {
    if (this.#running !== null && this.#options.accounts.due().length > 0) await this.#running
  }

  /** Gives a sweep up that is under way; to be tidy, sweeps what is small before it ends. */
  async close(options: { readonly tidy: boolean }): Promise<void> {
    this.#closing = true
    await this.#running
    if (!options.tidy) return
    this.#tidying = true
    await this.#inTurn(this.#options.accounts.untidy())
  }

  async #inTurn(stepIds: readonly string[]): Promise<void> {
    try {
      await this.#options.turns.run(async () => {
        for (const stepId of stepIds) if (this.#goesOn) await this.#sweep(stepId)
      })
    } catch (cause) {
      this.#options.failed(cause)
    }
  }

  get #goesOn(): boolean {
    return !this.#closing || this.#tidying
  }

  async #sweep(stepId: string): Promise<void> {
    const { accounts, runtime, blocks, replace, compact } = this.#options
    const horizon = this.#options.horizon()
    if (horizon === 0) return
    const expected = accounts.expectedRows(stepId)
    accounts.sweeping(stepId)
    const swept = await sweep(
      { blocks, replace, breathe: () => this.#breathe() },
      { stepId, horizon, expected, seed: runtime.random() },
    )
    if (!swept.whole) {
      accounts.gaveUp(stepId)
      return
    }
    accounts.swept(stepId, swept)
    const range = span(swept.removed)
    if (range !== null) await compact(range)
  }

  #breathe(): Promise<boolean> | boolean {
    const { runtime } = this.#options
    if (!this.#goesOn || runtime.monotonic() < this.#sliceEnd) return this.#goesOn
    return new Promise((resolve) => {
      runtime.soon(() => {
        this.#sliceEnd = runtime.monotonic() + SLICE
        resolve(this.#goesOn)
      })
    })
  }
}

/** From the first of the removed keys to the last. */
const span = (keys: readonly BlockKey[]): KeyRange | null => {
  const [first] = keys
  if (first === undefined) return null
  let from = first.raw
  let last = first.raw
  for (const { raw } of keys) {
    if (Buffer.compare(raw, from) < 0) from = raw
    if (Buffer.compare(raw, last) > 0) last = raw
  }
  return { from, below: Buffer.concat([last, Buffer.alloc(1)]) }
}
