import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import type { ProcessorContext } from '../lib/state/processor.ts'
import type { DurationLike } from '../lib/time/time.ts'
import { functionOption } from './keyed-step.ts'
import type { Clock } from './windowing/clock.ts'
import { plainCopy } from './windowing/plain-copy.ts'
import { TimeQueue } from './windowing/time-queue.ts'
import { TimedEntry, TimedKeys, type TimedShape } from './windowing/timed-keys.ts'
import { placeTimed } from './windowing/timed-step.ts'
import { positiveLength } from './windowing/window-options.ts'

export interface RollingOptions<V, A> {
  readonly clock: Clock<V, unknown>
  /** How far back each result looks: from its value's time, which is in, to this long before, which is not. */
  readonly length: DurationLike
  /** The accumulator of no value. */
  readonly init: () => A
  /** The accumulator with a value; may be the same object, changed. */
  readonly add: (accumulator: A, value: V) => A
  /** The accumulator without its oldest value; without it, each result is added up anew. */
  readonly remove?: (accumulator: A, value: V) => A
}

/**
 * Adds up, for each value, those of its key in the last `length` of event time; a result a value.
 *
 * Values are taken in order of their times, each when the watermark has reached it, so the results do
 * not depend on how the input arrived. The values of the last `length` are part of snapshots. A value
 * behind the watermark is late, and dropped.
 *
 * @param id - the step's id
 * @param options - `clock`, `length`, `init`, `add`, `remove`
 * @param state - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what a callback throws
 *
 * @example
 * ```ts
 * amounts.pipe(
 *   rolling('hour', { clock, length: { hours: 1 }, init: () => 0, add: (sum, n) => sum + n, remove: (sum, n) => sum - n }),
 * )
 * ```
 */
export const rolling =
  <V, A>(
    id: string,
    options: RollingOptions<V, A>,
    state: StateOptions = {},
  ): Operator<KeyedStream<V>, KeyedStream<A>> =>
  (up) => {
    const { clock, remove } = options
    const shape = {
      clock,
      role: 'add',
      length: positiveLength(options.length, `rolling "${id}": length`),
      init: functionOption(id, 'init', options.init),
      add: functionOption(id, 'add', options.add) as Step,
      remove: remove === undefined ? null : (functionOption(id, 'remove', remove) as Step),
    }
    const open = (context: ProcessorContext) => new Rolling(shape, context)
    return placeTimed({ id, operator: 'rolling', clock, state, open }, [up]) as KeyedStream<A>
  }

type Step = (accumulator: unknown, value: unknown) => unknown

interface RollingShape extends TimedShape {
  readonly length: number
  readonly init: () => unknown
  readonly add: Step
  readonly remove: Step | null
}

class RollingEntry extends TimedEntry {
  readonly waiting: TimeQueue<unknown> = new TimeQueue()
  /** The values that the next result still looks at, by time; those before `first` are gone. */
  times: number[] = []
  values: unknown[] = []
  first = 0
  accumulator: unknown = undefined
}

type StoredRolling = readonly [
  waiting: readonly (readonly [time: number, value: unknown])[],
  times: readonly number[],
  values: readonly unknown[],
  accumulator: unknown,
]

class Rolling extends TimedKeys<RollingEntry> {
  readonly #shape: RollingShape

  constructor(shape: RollingShape, context: ProcessorContext) {
    super(shape, context)
    this.#shape = shape
  }

  override take(entry: RollingEntry, _input: number, value: unknown, time: number): void {
    entry.waiting.push(time, value)
  }

  override advance(entry: RollingEntry, watermark: number): void {
    const { waiting } = entry
    while (waiting.size > 0 && waiting.firstTime <= watermark) {
      const time = waiting.firstTime
      const value = waiting.shift()
      this.#dropUntil(entry, time - this.#shape.length)
      this.call(entry, value, () => this.#roll(entry, value, time))
    }
    this.#dropUntil(entry, watermark - this.#shape.length)
  }

  override deadline({ waiting, times, first }: RollingEntry): number {
    const oldest = times[first]
    if (oldest === undefined) return waiting.firstTime
    return Math.min(waiting.firstTime, oldest + this.#shape.length)
  }

  override isEmpty({ waiting, times, first }: RollingEntry): boolean {
    return waiting.size === 0 && first === times.length
  }

  protected override newEntry(): RollingEntry {
    return new RollingEntry()
  }

  protected override stateOf(entry: RollingEntry): StoredRolling {
    const { waiting, times, values, first, accumulator } = entry
    return [waiting.entries(), times.slice(first), values.slice(first), accumulator]
  }

  protected override resume(entry: RollingEntry, stored: StoredRolling): void {
    const [waiting, times, values, accumulator] = stored
    for (const [time, value] of waiting) entry.waiting.push(time, value)
    entry.times = [...times]
    entry.values = [...values]
    entry.accumulator = accumulator
  }

  #roll(entry: RollingEntry, value: unknown, time: number): void {
    const { init, add, remove } = this.#shape
    const isAlone = entry.first === entry.times.length
    let accumulator: unknown
    if (remove !== null) {
      accumulator = add(isAlone ? init() : entry.accumulator, value)
    } else {
      accumulator = init()
      for (let at = entry.first; at < entry.values.length; at++) {
        accumulator = add(accumulator, entry.values[at])
      }
      accumulator = add(accumulator, value)
    }
    entry.times.push(time)
    entry.values.push(value)
    if (remove !== null) entry.accumulator = accumulator
    this.emit(entry.$key, plainCopy(accumulator))
  }

  #dropUntil(entry: RollingEntry, time: number): void {
    const { remove } = this.#shape
    const { times, values } = entry
    while (entry.first < times.length && (times[entry.first] as number) <= time) {
      const value = values[entry.first]
      // Whatever `remove` does, the value is gone.
      entry.first += 1
      if (remove === null) continue
      this.call(
        entry,
        value,
        () => {
          entry.accumulator = remove(entry.accumulator, value)
        },
        'remove',
      )
    }
    if (entry.first < 64 && entry.first < times.length) return
    if (entry.first * 2 < times.length) return
    entry.times = times.slice(entry.first)
    entry.values = values.slice(entry.first)
    entry.first = 0
  }
}
