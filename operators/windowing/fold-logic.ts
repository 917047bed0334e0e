import { WindowLogic } from './window-logic.ts'
import type { BuildLogic } from './window-plan.ts'

/** How a window's values become one accumulator. */
export interface WindowFold<V, A> {
  /** A new accumulator, for each window. */
  readonly init: () => A
  readonly fold: (accumulator: A, value: V) => A
  /** The accumulator of a window and of another that became part of it. */
  readonly merge: (into: A, from: A) => A
}

/** A window that holds an accumulator and gives it out when it closes. */
class FoldLogic<V, A> extends WindowLogic<V, A, readonly [A]> {
  readonly #fold: WindowFold<V, A>
  #accumulator: A

  constructor(fold: WindowFold<V, A>, accumulator: A) {
    super()
    this.#fold = fold
    this.#accumulator = accumulator
  }

  override onValue(value: V): Iterable<A> {
    this.#accumulator = this.#fold.fold(this.#accumulator, value)
    return NOTHING
  }

  override onMerge(other: this): Iterable<A> {
    this.#accumulator = this.#fold.merge(this.#accumulator, other.#accumulator)
    return NOTHING
  }

  override onClose(): Iterable<A> {
    return [this.#accumulator]
  }

  /** Boxed, so that an accumulator that is `null` is told from a new window. */
  override snapshot(): readonly [A] {
    return [this.#accumulator]
  }
}

const NOTHING: readonly never[] = []

/** Windows that fold their values; each comes out as its accumulator. */
export const foldLogic =
  <V, A>(fold: WindowFold<V, A>): BuildLogic<V, A> =>
  (resume) =>
    new FoldLogic(fold, resume === null ? fold.init() : (resume as readonly [A])[0])

/** The number of values in a window. */
export const countFold: WindowFold<unknown, number> = {
  init: () => 0,
  fold: (count) => count + 1,
  merge: (into, from) => into + from,
}
