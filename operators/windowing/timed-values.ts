import type { WindowFold } from './fold-logic.ts'

/** Stands for the result of no value. */
export const NOTHING: unique symbol = Symbol('nothing')

/** Values of a pane that are folded by time once no earlier one can come. */
export class TimedValues<V> {
  readonly times: number[]
  readonly values: V[]

  constructor(times: number[] = [], values: V[] = []) {
    this.times = times
    this.values = values
  }

  /**
   * Folds the values by time, and as they came where times are equal. One on which user code throws
   * is passed over when `failed` returns; `NOTHING` where none is left.
   */
  fold<A>(
    { init, fold }: Pick<WindowFold<V, A>, 'init' | 'fold'>,
    failed: (value: V, error: unknown) => void,
  ): A | typeof NOTHING {
    const values = this.#inOrder()
    const n = values.length
    let folded: A | typeof NOTHING = NOTHING
    for (let at = 0; at < n; at++) {
      try {
        let accumulator: A = folded === NOTHING ? init() : folded
        for (; at < n; at++) {
          accumulator = fold(accumulator, values[at] as V)
          folded = accumulator
        }
      } catch (error) {
        failed(values[at] as V, error)
      }
    }
    return folded
  }

  #inOrder(): readonly V[] {
    const { values } = this
    if (this.#isInOrder()) return values
    return Array.from(this.#order(), (place) => values[place] as V)
  }

  /**
   * The places of the values by (time, place). Both fit into one number as long as the times lie
   * close together, and numbers are sorted without a comparator many times as fast.
   */
  #order(): ArrayLike<number> {
    const { times } = this
    let first = Number.POSITIVE_INFINITY
    let last = Number.NEGATIVE_INFINITY
    let isWhole = true
    for (const time of times) {
      if (time < first) first = time
      if (time > last) last = time
      if (time !== Math.floor(time)) isWhole = false
    }
    const size = times.length
    const room = 2 ** Math.ceil(Math.log2(size))
    if (!isWhole || (last - first + 1) * room > Number.MAX_SAFE_INTEGER) {
      return Array.from(times.keys()).sort((a, b) => this.#timeAt(a) - this.#timeAt(b))
    }
    const packed = new Float64Array(size)
    for (let at = 0; at < size; at++) packed[at] = (this.#timeAt(at) - first) * room + at
    packed.sort()
    for (let at = 0; at < size; at++) {
      const both = packed[at] as number
      packed[at] = both - Math.floor(both / room) * room
    }
    return packed
  }

  #timeAt(place: number): number {
    return this.times[place] as number
  }

  #isInOrder(): boolean {
    const times = this.times
    for (let i = 1; i < times.length; i++) {
      if ((times[i] as number) < (times[i - 1] as number)) return false
    }
    return true
  }
}
