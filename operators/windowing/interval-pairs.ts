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

/** A value that waits for partners. */
class Held {
  /**
   * Milliseconds after the step's origin: within a few weeks of it a small integer, which unlike an
   * epoch time needs no number object of its own.
   */
  readonly time: number
  readonly value: unknown
  matched: boolean

  constructor(time: number, value: unknown, matched: boolean) {
    this.time = time
    this.value = value
    this.matched = matched
  }
}

/** The values of one side by time: mostly one, which then stands alone. */
type Side = Held | Held[] | null

class PairEntry extends TimedEntry {
  lefts: Side = null
  rights: Side = null
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
    const { before, after, join } = this.#shape
    const time = this.#sinceOrigin(at)
    if (input === LEFT) {
      const others = entry.rights
      let matched = false
      if (others instanceof Held) {
        if (others.time >= time - before && others.time <= time + after) {
          this.emit(entry.$key, join(value, others.value))
          others.matched = true
          matched = true
        }
      } else if (others !== null) {
        for (let i = firstFrom(others, time - before); i < others.length; i++) {
          const other = others[i] as Held
          if (other.time > time + after) break
          this.emit(entry.$key, join(value, other.value))
          other.matched = true
          matched = true
        }
      }
      entry.lefts = withHeld(entry.lefts, new Held(time, value, matched))
    } else {
      const others = entry.lefts
      let matched = false
      if (others instanceof Held) {
        if (others.time >= time - after && others.time <= time + before) {
          this.emit(entry.$key, join(others.value, value))
          others.matched = true
          matched = true
        }
      } else if (others !== null) {
        for (let i = firstFrom(others, time - after); i < others.length; i++) {
          const other = others[i] as Held
          if (other.time > time + before) break
          this.emit(entry.$key, join(other.value, value))
          other.matched = true
          matched = true
        }
      }
      entry.rights = withHeld(entry.rights, new Held(time, value, matched))
    }
  }

  override advance(entry: PairEntry, reached: number): void {
    const { before, after, keepsLeft, keepsRight } = this.#shape
    const watermark = reached - this.#origin
    if (
      expiryOfLast(entry.lefts, after) <= watermark &&
      expiryOfLast(entry.rights, before) <= watermark &&
      this.#lazy
    ) {
      entry.lefts = null
      entry.rights = null
      return
    }
    const lefts = heldOf(entry.lefts)
    const rights = heldOf(entry.rights)
    const leftsGone = lefts.findIndex(({ time }) => expiry(time, after) > watermark)
    const rightsGone = rights.findIndex(({ time }) => expiry(time, before) > watermark)
    const goneLefts = leftsGone === -1 ? lefts : lefts.slice(0, leftsGone)
    const goneRights = rightsGone === -1 ? rights : rights.slice(0, rightsGone)
    entry.lefts = sideOf(lefts.slice(goneLefts.length))
    entry.rights = sideOf(rights.slice(goneRights.length))
    if (keepsLeft) for (const held of goneLefts) this.#emitAlone(entry, held, true)
    if (keepsRight) for (const held of goneRights) this.#emitAlone(entry, held, false)
  }

  override deadline({ lefts, rights }: PairEntry): number {
    const { before, after } = this.#shape
    return this.#origin + Math.min(expiryOf(lefts, after), expiryOf(rights, before))
  }

  override isEmpty(entry: PairEntry): boolean {
    return entry.lefts === null && entry.rights === null
  }

  protected override newEntry(): PairEntry {
    return new PairEntry()
  }

  protected override stateOf(entry: PairEntry): StoredPairs {
    const stored = ({ time, value, matched }: Held) =>
      [this.#origin + time, value, matched] as const
    return [heldOf(entry.lefts).map(stored), heldOf(entry.rights).map(stored)]
  }

  protected override resume(entry: PairEntry, [lefts, rights]: StoredPairs): void {
    const restored = ([time, value, matched]: StoredSide[number]): Held =>
      new Held(this.#sinceOrigin(time), value, matched)
    entry.lefts = sideOf(lefts.map(restored))
    entry.rights = sideOf(rights.map(restored))
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

const expiryOf = (side: Side, reach: number): number => {
  if (side === null) return Number.POSITIVE_INFINITY
  return expiry((side instanceof Held ? side : (side[0] as Held)).time, reach)
}

const expiryOfLast = (side: Side, reach: number): number => {
  if (side === null) return Number.NEGATIVE_INFINITY
  return expiry((side instanceof Held ? side : (side.at(-1) as Held)).time, reach)
}

const heldOf = (side: Side): Held[] => {
  if (side === null) return []
  return side instanceof Held ? [side] : side
}

const sideOf = (held: Held[]): Side => (held.length > 1 ? held : (held[0] ?? null))

/** Keeps values by time, those of one time as they came. */
const withHeld = (side: Side, held: Held): Side => {
  if (side === null) return held
  const all = side instanceof Held ? [side] : side
  let at = all.length
  while (at > 0 && (all[at - 1] as Held).time > held.time) at--
  if (at === all.length) all.push(held)
  else all.splice(at, 0, held)
  return all
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
