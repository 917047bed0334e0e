/** Inputs with event time: a pass comes again and again, each time later than before. */

import { randomIntegers } from './data.ts'
import type { Laps, Tally } from './workload.ts'

/** Where event time begins: a whole minute, so that every window starts at a whole one. */
export const BASE = 1_699_999_980_000

/** How much earlier than the latest item before it an item may be, milliseconds. */
export const DISORDER = 1000

interface Timed {
  time: number
}

/** Puts items in the order in which they arrive: none more than `DISORDER` behind. */
export const arrivalOrder = <T extends Timed>(items: readonly T[]): T[] => {
  const random = randomIntegers(5)
  return items
    .map((item) => ({ item, at: item.time + (random() % DISORDER) }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

/**
 * Assigned, not spread: V8 keeps the numbers of a spread copy in objects that are made anew by each
 * move. They outlive it, so whoever allocates in the timed pass would pay for collecting them.
 */
const copyOf = <T extends Timed>(item: T, later: number): T => {
  const copy = Object.assign({}, item)
  copy.time += later
  return copy
}

/**
 * Replays items pass after pass, `span` milliseconds of event time later each time.
 *
 * There are two copies, used in turn, so that items still under way are never changed; moving a
 * copy on is not timed.
 */
export class Timeline<T extends Timed> {
  readonly #copies: readonly (readonly T[])[]
  readonly #span: number
  readonly #laps: Laps
  #pass = 0

  constructor(items: readonly T[], span: number, laps: Laps) {
    this.#copies = [items.map((item) => copyOf(item, 0)), items.map((item) => copyOf(item, span))]
    this.#span = span
    this.#laps = laps
  }

  /** The copies, for whoever has to prepare something for each. */
  get copies(): readonly (readonly T[])[] {
    return this.#copies
  }

  /** The index of the copy that is the next pass; -1 when there is none. */
  next(): number {
    if (!this.#laps.next()) return -1
    const copy = this.#pass % 2
    if (this.#pass >= 2) {
      this.#laps.pause()
      for (const item of this.#copies[copy] ?? []) item.time += 2 * this.#span
      this.#laps.resume()
    }
    this.#pass += 1
    return copy
  }
}

/** Passes after which every further one adds the same, where nothing lasts longer than a pass. */
const SETTLED = 3

/** The answer over many passes from the answers over a few: once settled, growth is constant. */
export const settledTally = (tallyOf: (passes: number) => Tally, passes: number): Tally => {
  if (passes <= SETTLED + 1) return tallyOf(passes)
  const before = tallyOf(SETTLED)
  const after = tallyOf(SETTLED + 1)
  const more = passes - SETTLED
  return {
    count: before.count + more * (after.count - before.count),
    sum: (before.sum + Math.imul(more, after.sum - before.sum)) | 0,
  }
}

/** The items of so many passes, in order of event time, a list for each key. */
export const sortedByKey = <T extends Timed>(
  items: readonly T[],
  { key, span, passes }: { key: (item: T) => string; span: number; passes: number },
): Iterable<readonly T[]> => {
  const groups = new Map<string, T[]>()
  for (let pass = 0; pass < passes; pass += 1) {
    for (const item of items) {
      const moved = { ...item, time: item.time + pass * span }
      const group = groups.get(key(item))
      if (group === undefined) groups.set(key(item), [moved])
      else group.push(moved)
    }
  }
  for (const group of groups.values()) group.sort((a, b) => a.time - b.time)
  return groups.values()
}
