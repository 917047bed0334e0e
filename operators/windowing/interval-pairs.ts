import type { ProcessorContext } from '../../lib/state/processor.ts'
import { TimedEntry, TimedKeys, type TimedShape } from './timed-keys.ts'

export interface IntervalShape extends TimedShape {
  readonly join: (left: unknown, right: unknown) => unknown
  /** How far a right value may lie before and after a left one, milliseconds. */
  readonly before: number
  readonly after: number
  /** Whether left, or right, values without a partner come out. */
  readonly keepsLeft: boolean
  readonly keepsRight: boolean
}

/** A value that waits for partners, beside others of its side. */
class Held {
  readonly time: number
  readonly value: unknown
  matched: boolean

  constructor(time: number, value: unknown, matched: boolean) {
    this.time = time
    this.value = value
    this.matched = matched
  }
}

/** In place of a value that is not there. */
const NONE: unique symbol = Symbol('none')

/**
 * The values of a key. Mostly a side has one, which stands in fields of the entry: what waits for a
 * minute outlives collections, and each object that does is copied by them. Of more than one, all
 * stand in a list by time.
 *
 * Times are milliseconds after the step's origin: within a few weeks of it small integers, which
 * unlike epoch times need no number object of their own.
 */
class PairEntry extends TimedEntry {
  left: unknown = NONE
  leftTime = 0
  leftMatched = false
  lefts: Held[] | null = null
  right: unknown = NONE
  rightTime = 0
  rightMatched = false
  rights: Held[] | null = null

  get allLefts(): readonly Held[] {
    if (this.left !== NONE) return [new Held(this.leftTime, this.left, this.leftMatched)]
    return this.lefts ?? []
  }

  set allLefts(all: readonly Held[]) {
    const only = all.length === 1 ? all[0] : undefined
    this.left = only === undefined ? NONE : only.value
    this.leftTime = only?.time ?? 0
    this.leftMatched = only?.matched ?? false
    this.lefts = all.length > 1 ? [...all] : null
  }

  get allRights(): readonly Held[] {
    if (this.right !== NONE) return [new Held(this.rightTime, this.right, this.rightMatched)]
    return this.rights ?? []
  }

  set allRights(all: readonly Held[]) {
    const only = all.length === 1 ? all[0] : undefined
    this.right = only === undefined ? NONE : only.value
    this.rightTime = only?.time ?? 0
    this.rightMatched = only?.matched ?? false
    this.rights = all.length > 1 ? [...all] : null
  }

  holdLeft(time: number, value: unknown, matched: boolean): void {
    if (this.left === NONE && this.lefts === null) {
      this.left = value
      this.leftTime = time
      this.leftMatched = matched
    } else {
      this.lefts ??= [...this.allLefts]
      this.left = NONE
      insert(this.lefts, new Held(time, value, matched))
    }
  }

  holdRight(time: number, value: unknown, matched: boolean): void {
    if (this.right === NONE && this.rights === null) {
      this.right = value
      this.rightTime = time
      this.rightMatched = matched
    } else {
      this.rights ??= [...this.allRights]
      this.right = NONE
      insert(this.rights, new Held(time, value, matched))
    }
  }

  clear(): void {
    this.left = NONE
    this.lefts = null
    this.right = NONE
    this.rights = null
  }
}

type StoredSide = readonly (readonly [time: number, value: unknown, matched: boolean])[]
type StoredPairs = readonly [lefts: StoredSide, rights: StoredSide]

const LEFT = 0

/** The values of both sides of an interval join, key by key. */
export class IntervalPairs extends TimedKeys<PairEntry> {
  readonly #shape: IntervalShape
  readonly #lazy: boolean
  /** The first time seen, which those held are counted from. */
  #origin = 0
  #hasOrigin = false

  constructor(shape: IntervalShape, context: ProcessorContext) {
    const { before, after, keepsLeft, keepsRight } = shape
    // Expired pairs only take room, so it does not matter when exactly they go.
    const lazy = !keepsLeft && !keepsRight
    super(lazy ? { ...shape, slack: Math.max(1, (before + after) / 32) } : shape, context)
    this.#shape = shape
    this.#lazy = lazy
  }

  override settle(entry: PairEntry): void {
    // One that is looked at anyway need not be looked at before.
    if (!this.#lazy || entry.$place === -1) super.settle(entry)
  }

  override take(entry: PairEntry, input: number, value: unknown, at: number): void {
    const time = this.#sinceOrigin(at)
    if (input === LEFT) entry.holdLeft(time, value, this.#meetRights(entry, time, value))
    else entry.holdRight(time, value, this.#meetLefts(entry, time, value))
  }

  /** Whether there was a partner. */
  #meetRights(entry: PairEntry, time: number, left: unknown): boolean {
    const { before, after, join } = this.#shape
    if (entry.right !== NONE) {
      if (entry.rightTime < time - before || entry.rightTime > time + after) return false
      this.emit(entry.$key, join(left, entry.right))
      entry.rightMatched = true
      return true
    }
    const { rights } = entry
    if (rights === null) return false
    let matched = false
    for (let i = firstFrom(rights, time - before); i < rights.length; i++) {
      const right = rights[i] as Held
      if (right.time > time + after) break
      this.emit(entry.$key, join(left, right.value))
      right.matched = true
      matched = true
    }
    return matched
  }

  #meetLefts(entry: PairEntry, time: number, right: unknown): boolean {
    const { before, after, join } = this.#shape
    if (entry.left !== NONE) {
      if (entry.leftTime < time - after || entry.leftTime > time + before) return false
      this.emit(entry.$key, join(entry.left, right))
      entry.leftMatched = true
      return true
    }
    const { lefts } = entry
    if (lefts === null) return false
    let matched = false
    for (let i = firstFrom(lefts, time - after); i < lefts.length; i++) {
      const left = lefts[i] as Held
      if (left.time > time + before) break
      this.emit(entry.$key, join(left.value, right))
      left.matched = true
      matched = true
    }
    return matched
  }

  override advance(entry: PairEntry, reached: number): void {
    const { before, after, keepsLeft, keepsRight } = this.#shape
    const watermark = reached - this.#origin
    if (this.#lazy && this.#lastExpiry(entry) <= watermark) {
      entry.clear()
      return
    }
    const lefts = entry.allLefts
    const rights = entry.allRights
    const goneLefts = goneBy(lefts, watermark, after)
    const goneRights = goneBy(rights, watermark, before)
    if (goneLefts.length > 0) entry.allLefts = lefts.slice(goneLefts.length)
    if (goneRights.length > 0) entry.allRights = rights.slice(goneRights.length)
    if (keepsLeft) for (const held of goneLefts) this.#emitAlone(entry, held, true)
    if (keepsRight) for (const held of goneRights) this.#emitAlone(entry, held, false)
  }

  override deadline(entry: PairEntry): number {
    const { before, after } = this.#shape
    const { left, leftTime, lefts, right, rightTime, rights } = entry
    const ofLeft = left !== NONE ? leftTime : (lefts?.[0]?.time ?? Number.POSITIVE_INFINITY)
    const ofRight = right !== NONE ? rightTime : (rights?.[0]?.time ?? Number.POSITIVE_INFINITY)
    return this.#origin + Math.min(expiry(ofLeft, after), expiry(ofRight, before))
  }

  override isEmpty({ left, lefts, right, rights }: PairEntry): boolean {
    return left === NONE && right === NONE && lefts === null && rights === null
  }

  protected override newEntry(): PairEntry {
    return new PairEntry()
  }

  protected override stateOf(entry: PairEntry): StoredPairs {
    const stored = ({ time, value, matched }: Held) =>
      [this.#origin + time, value, matched] as const
    return [entry.allLefts.map(stored), entry.allRights.map(stored)]
  }

  protected override resume(entry: PairEntry, [lefts, rights]: StoredPairs): void {
    const restored = ([time, value, matched]: StoredSide[number]): Held =>
      new Held(this.#sinceOrigin(time), value, matched)
    entry.allLefts = lefts.map(restored)
    entry.allRights = rights.map(restored)
  }

  /** When the last value of an entry has expired. */
  #lastExpiry(entry: PairEntry): number {
    const { before, after } = this.#shape
    const { left, leftTime, lefts, right, rightTime, rights } = entry
    const ofLeft = left !== NONE ? leftTime : (lefts?.at(-1)?.time ?? Number.NEGATIVE_INFINITY)
    const ofRight = right !== NONE ? rightTime : (rights?.at(-1)?.time ?? Number.NEGATIVE_INFINITY)
    return Math.max(expiry(ofLeft, after), expiry(ofRight, before))
  }

  #sinceOrigin(time: number): number {
    if (!this.#hasOrigin) {
      this.#hasOrigin = true
      this.#origin = Math.floor(time)
    }
    return time - this.#origin
  }

  #emitAlone(entry: PairEntry, { value, matched }: Held, isLeft: boolean): void {
    if (matched) return
    const { join } = this.#shape
    this.call(entry, value, () => {
      this.emit(entry.$key, isLeft ? join(value, null) : join(null, value))
    })
  }
}

/** The first watermark at which no partner within `reach` after `time` can come. */
const expiry = (time: number, reach: number): number => Math.floor(time + reach) + 1

/** Those that no partner can come for any more. */
const goneBy = (held: readonly Held[], watermark: number, reach: number): readonly Held[] => {
  const stays = held.findIndex(({ time }) => expiry(time, reach) > watermark)
  return stays === -1 ? held : held.slice(0, stays)
}

/** Keeps values by time, those of one time as they came. */
const insert = (all: Held[], held: Held): void => {
  let at = all.length
  while (at > 0 && (all[at - 1] as Held).time > held.time) at--
  if (at === all.length) all.push(held)
  else all.splice(at, 0, held)
}

/** The place of the first value at `time` or after. */
const firstFrom = (held: readonly Held[], time: number): number => {
  let low = 0
  let high = held.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((held[middle] as Held).time < time) low = middle + 1
    else high = middle
  }
  return low
}
