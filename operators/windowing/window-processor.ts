import type { Processor, ProcessorContext } from '../../lib/state/processor.ts'
import type { StateTable } from '../../lib/state/state-table.ts'
import { isNoTime } from '../../lib/time/item-time.ts'
import type { KeepWindows } from './keep-windows.ts'
import type { WindowKeeper } from './window-keeper.ts'
import { WindowOutput } from './window-output.ts'

/** How the windows of a step are kept, and what its callbacks are called. */
export interface Windows<V, W> {
  /** What failed where a value's time was known already: `fold`, `WindowLogic`. */
  readonly role: string
  /** What failed where it was not: `timestamp`, `ClockLogic.onItem`. */
  readonly clockRole: string
  readonly keep: KeepWindows<V, W>
  /** The values of a batch as the windows take them; of a join, each with its side. */
  readonly taken: (values: readonly unknown[], input: number) => readonly V[]
  /** The user's own value again. */
  readonly own: (value: V) => unknown
}

/** A step of windows at work on one worker. */
export class WindowProcessor<V, W> implements Processor {
  readonly table: StateTable
  readonly #windows: Windows<V, W>
  readonly #context: ProcessorContext
  readonly #output: WindowOutput<V, W>
  readonly #keeper: WindowKeeper<V>

  constructor(windows: Windows<V, W>, context: ProcessorContext) {
    this.#windows = windows
    this.#context = context
    this.#output = new WindowOutput(context, windows)
    this.#keeper = windows.keep(this.#output, context.runtime.now(), context.stepId)
    this.table = this.#keeper.table
  }

  get lateItems(): number {
    return this.#output.lateItems
  }

  onLoaded(): void {
    this.#keeper.onLoaded?.(this.#context.runtime.now())
  }

  onBatch(keys: readonly string[], values: readonly unknown[], input: number): void {
    const now = this.#context.runtime.now()
    const keeper = this.#keeper
    let restKeys = keys
    let rest = this.#windows.taken(values, input)
    for (;;) {
      try {
        keeper.onBatch(restKeys, rest, now)
        break
      } catch (error) {
        this.#fail(error, restKeys, rest)
        // Even if nothing is left: what came before may have made something due.
        const next = Math.min(keeper.position + 1, rest.length)
        restKeys = restKeys.slice(next)
        rest = rest.slice(next)
      }
    }
    this.#output.send()
  }

  onWatermark(time: number): void {
    this.#let(() => this.#keeper.onWatermark(time))
  }

  nextTimer(): number {
    return this.#keeper.nextTimer?.() ?? Number.POSITIVE_INFINITY
  }

  onTimer(now: number): void {
    this.#let(() => this.#keeper.onTimer?.(now))
  }

  onEnd(): void {
    this.#let(() => this.#keeper.onEof(this.#context.runtime.now()))
  }

  forget(key: string): void {
    this.#keeper.forget(key)
  }

  #let(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#failAsAWhole(error)
    }
    this.#output.send()
  }

  #fail(error: unknown, keys: readonly string[], values: readonly V[]): void {
    const { position, timed } = this.#keeper
    const { role, clockRole, own } = this.#windows
    if (position >= values.length) {
      this.#failAsAWhole(error)
      return
    }
    this.#output.send()
    this.#context.fail({
      callback: timed === position && !isNoTime(error) ? role : clockRole,
      error,
      key: keys[position] as string,
      item: own(values[position] as V),
    })
  }

  /** A window failed as a whole: no single value is at fault. */
  #failAsAWhole(error: unknown): void {
    const { key } = this.#keeper
    this.#output.send()
    this.#context.fail({
      callback: this.#windows.role,
      error,
      ...(key === undefined ? {} : { key }),
    })
  }
}
