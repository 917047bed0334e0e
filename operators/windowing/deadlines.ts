import type { Entry } from '../../lib/state/entry.ts'
import { TimerHeap } from '../../lib/state/timer-heap.ts'
import { Buckets } from './buckets.ts'

/** When to look at the keys of a step again. */
export interface Deadlines<E extends Entry> {
  /** No key is due before; infinity without any. */
  readonly next: number
  /** Sets the deadline of a key, or with `null` calls it off. */
  schedule(entry: E, deadline: number | null): void
  /** Takes off all keys that are due at a time. */
  take(until: number): readonly E[]
}

/** To the point, by (deadline, key). */
export class ExactDeadlines<E extends Entry> implements Deadlines<E> {
  readonly #heap = new TimerHeap<E>()

  get next(): number {
    return this.#heap.next
  }

  schedule(entry: E, deadline: number | null): void {
    this.#heap.schedule(entry, deadline)
  }

  take(until: number): readonly E[] {
    const due: E[] = []
    while (this.#heap.next <= until) due.push(this.#heap.pop())
    return due
  }
}

/** Not within the time it stands in a list. */
const NOWHERE = -1
const LISTED = 0

/**
 * Up to `slack` late, and once set never earlier: a key costs one place in a list. For keys that are
 * only looked at to make room.
 */
export class CoarseDeadlines<E extends Entry> implements Deadlines<E> {
  readonly #lists = new Buckets<E>()
  readonly #slack: number

  constructor(slack: number) {
    this.#slack = slack
  }

  get next(): number {
    return this.#lists.first * this.#slack
  }

  schedule(entry: E, deadline: number | null): void {
    if (deadline === null) {
      entry.$place = NOWHERE
    } else if (entry.$place === NOWHERE) {
      entry.$place = LISTED
      this.#lists.add(Math.ceil(deadline / this.#slack), entry)
    }
  }

  take(until: number): readonly E[] {
    const due: E[] = []
    while (this.next <= until) {
      for (const entry of this.#lists.takeFirst()) {
        if (entry.$place === NOWHERE) continue
        entry.$place = NOWHERE
        due.push(entry)
      }
    }
    return due
  }
}
