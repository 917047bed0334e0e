import type { RunFacts } from '../lib/flow/run-facts.ts'
import {
  type SlotContext,
  TransactionalSink,
  TransactionalSinkPartition,
} from '../lib/flow/sink.ts'

/** An epoch of a slot. */
interface Staged<T> {
  readonly slot: string
  readonly epoch: number
  readonly items: readonly T[]
}

/**
 * Collects items exactly once in an array, through crashes: those of each epoch when it is committed.
 *
 * `simulate` empties it before it begins, unless it goes on from a store that it was given.
 *
 * @example
 * ```ts
 * const sink = new CommittedSink<number>()
 * flow.input('in', source).output('out', sink)
 * await simulate(flow, { seed: 7, workers: 3, faults: { crashes: 2 } })
 * sink.items // each item once, in no promised order
 * ```
 */
export class CommittedSink<T> extends TransactionalSink<T, Staged<T>> {
  readonly items: T[] = []
  /** The last epoch of each slot that is in `items`. */
  readonly #committed = new Map<string, number>()

  /** Forgets everything, as a destination does that is made anew. */
  clear(): void {
    this.items.length = 0
    this.#committed.clear()
  }

  /** Without a store no epoch is committed again, and each run counts its epochs from one. */
  override useRun({ recovery }: RunFacts): void {
    if (!recovery) this.#committed.clear()
  }

  override build(
    _stepId: string,
    slot: string,
    _context: SlotContext,
  ): TransactionalSinkPartition<T, Staged<T>> {
    const commit = (staged: Staged<T>): void => {
      if (staged.epoch <= (this.#committed.get(staged.slot) ?? 0)) return
      this.#committed.set(staged.slot, staged.epoch)
      for (const item of staged.items) this.items.push(item)
    }
    return new CommittedSlot<T>(slot, commit)
  }
}

class CommittedSlot<T> extends TransactionalSinkPartition<T, Staged<T>> {
  readonly #slot: string
  readonly #commit: (staged: Staged<T>) => void
  #items: T[] = []

  constructor(slot: string, commit: (staged: Staged<T>) => void) {
    super()
    this.#slot = slot
    this.#commit = commit
  }

  override writeBatch(items: T[]): void {
    for (const item of items) this.#items.push(item)
  }

  override prepare(epoch: number): Staged<T> | null {
    if (this.#items.length === 0) return null
    const staged = { slot: this.#slot, epoch, items: this.#items }
    this.#items = []
    return staged
  }

  override commit(staged: Staged<T>): void {
    this.#commit(staged)
  }

  override abort(_staged: Staged<T>): void {}
}
