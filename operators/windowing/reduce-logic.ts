import { checkRank, type Rank } from '../rank.ts'
import { WindowLogic } from './window-logic.ts'
import type { BuildLogic } from './window-plan.ts'

/** Makes one value of two: what came before, and the next. */
export type Reducer<V> = (before: V, next: V) => V

/** A window that starts with its first value, which may be `null` or `undefined` like any other. */
class ReduceLogic<V> extends WindowLogic<V, V, readonly V[]> {
  readonly #reduce: Reducer<V>
  /** The value so far, alone in an array; empty before the first. */
  #reduced: readonly V[]

  constructor(reduce: Reducer<V>, reduced: readonly V[]) {
    super()
    this.#reduce = reduce
    this.#reduced = reduced
  }

  override onValue(value: V): Iterable<V> {
    this.#reduced =
      this.#reduced.length === 0 ? [value] : [this.#reduce(this.#reduced[0] as V, value)]
    return NOTHING
  }

  override onMerge(other: this): Iterable<V> {
    for (const value of other.#reduced) this.onValue(value)
    return NOTHING
  }

  override onClose(): Iterable<V> {
    return this.#reduced
  }

  override snapshot(): readonly V[] {
    return this.#reduced
  }
}

const NOTHING: readonly never[] = []

/** Windows whose values are reduced to one, the first being where it starts. */
export const reduceLogic =
  <V>(reduce: Reducer<V>): BuildLogic<V, V> =>
  (resume) =>
    new ReduceLogic(reduce, (resume ?? NOTHING) as readonly V[])

/** Keeps the value that is greater by `by`; of equal ones the first. */
export const greater =
  <V>(by: (value: V) => Rank): Reducer<V> =>
  (before, next) =>
    ranked(by(next)) > ranked(by(before)) ? next : before

/** Keeps the value that is less by `by`; of equal ones the first. */
export const less =
  <V>(by: (value: V) => Rank): Reducer<V> =>
  (before, next) =>
    ranked(by(next)) < ranked(by(before)) ? next : before

const ranked = (rank: Rank): Rank => {
  checkRank(rank)
  return rank
}
