import { BuildError } from '../lib/errors/errors.ts'
import { preview } from '../lib/errors/preview.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import type { ProcessorContext } from '../lib/state/processor.ts'
import type { DurationLike } from '../lib/time/time.ts'
import { functionOption } from './keyed-step.ts'
import type { Clock } from './windowing/clock.ts'
import { TimeQueue } from './windowing/time-queue.ts'
import { TimedEntry, TimedKeys, type TimedShape } from './windowing/timed-keys.ts'
import { placeTimed } from './windowing/timed-step.ts'
import { lengthOrZero } from './windowing/window-options.ts'

export interface AsOfJoinOptions<L, R, W, Mode extends 'inner' | 'left' = 'inner'> {
  /** Tells the time of the values of both sides. */
  readonly clock: Clock<L | R, unknown>
  /**
   * How far before a left value its right one may lie.
   * @defaultValue any distance: then the latest right value of a key is kept for good
   */
  readonly within?: DurationLike
  /** Makes a result of a pair; with `emit: 'left'`, a right value that is truly missing is `null`. */
  readonly join: (left: L, right: Mode extends 'left' ? R | null : R) => W
  /** @defaultValue 'inner' */
  readonly emit?: Mode
}

/**
 * Pairs each left value with the latest right value of its key that is not after it.
 *
 * A left value comes out once the watermark is past its time, so that no earlier right value can
 * come; those of one key by time. Values wait until then, and are part of snapshots; of the right
 * ones, those that a later one has replaced are forgotten. A value behind the watermark is late, and
 * dropped.
 *
 * @param id - the step's id
 * @param right - the other stream, keyed alike
 * @param options - `clock`, `within`, `join`, `emit`
 * @param state - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws BuildError where an option is none; StepError with what a callback throws
 *
 * @example
 * ```ts
 * trades.pipe(asOfJoin('priced', quotes, { clock, within: { seconds: 5 }, join: (t, q) => t.amount * q.price }))
 * ```
 */
export const asOfJoin =
  <L, R, W, Mode extends 'inner' | 'left' = 'inner'>(
    id: string,
    right: KeyedStream<R>,
    options: AsOfJoinOptions<L, R, W, Mode>,
    state: StateOptions = {},
  ): Operator<KeyedStream<L>, KeyedStream<W>> =>
  (left) => {
    const { clock, emit } = options
    if (emit !== undefined && emit !== 'inner' && emit !== 'left') {
      throw new BuildError(
        `asOfJoin "${id}": emit is ${preview(emit)}; it must be 'inner' or 'left'.`,
      )
    }
    const shape = {
      clock,
      role: 'join',
      join: functionOption(id, 'join', options.join) as (left: unknown, right: unknown) => unknown,
      within: lengthOrZero(options.within ?? Number.POSITIVE_INFINITY, `asOfJoin "${id}": within`),
      keepsLeft: emit === 'left',
    }
    const open = (context: ProcessorContext) => new AsOf(shape, context)
    const ups = [left, right]
    return placeTimed({ id, operator: 'asOfJoin', clock, state, open }, ups) as KeyedStream<W>
  }

interface AsOfShape extends TimedShape {
  readonly join: (left: unknown, right: unknown) => unknown
  readonly within: number
  readonly keepsLeft: boolean
}

interface Right {
  readonly time: number
  readonly value: unknown
}

class AsOfEntry extends TimedEntry {
  readonly lefts: TimeQueue<unknown> = new TimeQueue()
  /** By time, those of one time as they came. */
  rights: Right[] = []
}

type Stored = readonly (readonly [time: number, value: unknown])[]

const LEFT = 0

class AsOf extends TimedKeys<AsOfEntry> {
  readonly #shape: AsOfShape

  constructor(shape: AsOfShape, context: ProcessorContext) {
    super(shape, context)
    this.#shape = shape
  }

  override take(entry: AsOfEntry, input: number, value: unknown, time: number): void {
    if (input === LEFT) {
      entry.lefts.push(time, value)
      return
    }
    const { rights } = entry
    let at = rights.length
    while (at > 0 && (rights[at - 1] as Right).time > time) at--
    rights.splice(at, 0, { time, value })
  }

  override advance(entry: AsOfEntry, watermark: number): void {
    const { lefts, rights } = entry
    let latest = -1
    while (lefts.size > 0 && lefts.firstTime < watermark) {
      const time = lefts.firstTime
      while (latest + 1 < rights.length && (rights[latest + 1] as Right).time <= time) latest += 1
      this.#join(entry, { time, value: lefts.shift() }, rights[latest])
    }
    this.#dropRights(entry, watermark)
  }

  /** A left value is due strictly behind its time; a right one goes when it can meet no more. */
  override deadline({ lefts, rights }: AsOfEntry): number {
    const left = lefts.size > 0 ? Math.floor(lefts.firstTime) + 1 : Number.POSITIVE_INFINITY
    const first = rights[0]
    if (first === undefined) return left
    const replaced = rights[1]?.time ?? Number.POSITIVE_INFINITY
    return Math.min(left, replaced, Math.floor(first.time + this.#shape.within) + 1)
  }

  override isEmpty({ lefts, rights }: AsOfEntry): boolean {
    return lefts.size === 0 && rights.length === 0
  }

  protected override newEntry(): AsOfEntry {
    return new AsOfEntry()
  }

  protected override stateOf({ lefts, rights }: AsOfEntry): readonly [Stored, Stored] {
    return [lefts.entries(), rights.map(({ time, value }) => [time, value] as const)]
  }

  protected override resume(entry: AsOfEntry, [lefts, rights]: readonly [Stored, Stored]): void {
    for (const [time, value] of lefts) entry.lefts.push(time, value)
    entry.rights = rights.map(([time, value]) => ({ time, value }))
  }

  #join(entry: AsOfEntry, left: Right, right: Right | undefined): void {
    const { join, within, keepsLeft } = this.#shape
    const isNear = right !== undefined && left.time - right.time <= within
    if (!isNear && !keepsLeft) return
    this.call(entry, left.value, () => {
      this.emit(entry.$key, join(left.value, isNear ? right.value : null))
    })
  }

  /** Left values yet to come are at the watermark or after it. */
  #dropRights(entry: AsOfEntry, watermark: number): void {
    const { rights } = entry
    const { within } = this.#shape
    let gone = 0
    while (gone < rights.length) {
      const { time } = rights[gone] as Right
      const replaced = (rights[gone + 1]?.time ?? Number.POSITIVE_INFINITY) <= watermark
      if (!replaced && time + within >= watermark) break
      gone += 1
    }
    if (gone > 0) entry.rights = rights.slice(gone)
  }
}
