/** Values of a pane that are folded by time once no earlier one can come. */
export class TimedValues<V> {
  readonly times: number[]
  readonly values: V[]

  constructor(times: number[] = [], values: V[] = []) {
    this.times = times
    this.values = values
  }

  /** Folds the values by time, and as they came where times are equal. */
  fold<A>(accumulator: A, fold: (accumulator: A, value: V) => A): A {
    let folded = accumulator
    if (this.#isInOrder()) {
      for (const value of this.values) folded = fold(folded, value)
      return folded
    }
    const order = Uint32Array.from(this.times, (_, index) => index)
    const times = Float64Array.from(this.times)
    order.sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b)
    for (const index of order) folded = fold(folded, this.values[index] as V)
    return folded
  }

  #isInOrder(): boolean {
    const times = this.times
    for (let i = 1; i < times.length; i++) {
      if ((times[i] as number) < (times[i - 1] as number)) return false
    }
    return true
  }
}
