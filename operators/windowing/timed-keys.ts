import { ownCopy } from '../../lib/actor/own-copy.ts'
import { Entry } from '../../lib/state/entry.ts'
import { KeyTable } from '../../lib/state/key-table.ts'
import type { Processor, ProcessorContext } from '../../lib/state/processor.ts'
import { itemTime } from '../../lib/time/item-time.ts'
import type { TimeLike } from '../../lib/time/time.ts'
import type { Clock, ClockLogic } from './clock.ts'
import { CoarseDeadlines, type Deadlines, ExactDeadlines } from './deadlines.ts'
import { MovingTime } from './step-time.ts'
import { WatermarkClock } from './watermark-clock.ts'
import { clockRole } from './window-shape.ts'

/** The clock of one key, and the highest watermark it gave since the step began to run. */
class KeyClock {
  readonly logic: ClockLogic<unknown, unknown>
  reached: number = Number.NEGATIVE_INFINITY

  constructor(logic: ClockLogic<unknown, unknown>) {
    this.logic = logic
  }

  reach(watermark: number): number {
    if (watermark > this.reached) this.reached = watermark
    return this.reached
  }
}

/** What is kept of a key whose values have times. */
export abstract class TimedEntry extends Entry {
  /** The key's own clock; `null` where all follow the watermark of the stream. */
  clock: KeyClock | null = null
}

/** A step of timed values, as it differs from the others. */
export interface TimedShape {
  readonly clock: Clock<never, unknown>
  /** What the user's callback for a value is called. */
  readonly role: string
  /**
   * Where it does not matter when exactly a key is looked at: how late that may be, milliseconds of
   * event time.
   */
  readonly slack?: number
}

/** What a snapshot keeps of a key: its clock's state, where it has one of its own, and the rest. */
type Stored = readonly [clock: unknown, state: unknown]

/** Items a batch. */
const BATCH = 4096

/**
 * Values of one or more sides that meet by key and event time, on one worker.
 *
 * Late values, behind the watermark, are dropped and counted. A key is looked at when the watermark reaches its
 * deadline: by a heap by (deadline, key), so nothing is done for a key that waits; one with nothing to
 * keep is forgotten.
 */
export abstract class TimedKeys<E extends TimedEntry> implements Processor {
  readonly table: KeyTable<E>
  /** The stream's watermark. */
  watermark: number = Number.NEGATIVE_INFINITY
  protected readonly context: ProcessorContext
  readonly #shape: TimedShape
  readonly #clock: Clock<unknown, unknown>
  readonly #followsStream: boolean
  readonly #time = new MovingTime()
  readonly #deadlines: Deadlines<E>
  readonly #loop: TimedLoop
  /** A key that was just notified and asks for a time gone by is not notified again at once. */
  #soonest: number = Number.NEGATIVE_INFINITY
  #outKeys: string[] = []
  #outValues: unknown[] = []
  /** How far the batch has been taken in, and the place of the last value whose time is known. */
  position = 0
  timed = -1
  lateItems = 0

  constructor(shape: TimedShape, context: ProcessorContext) {
    this.context = context
    this.#shape = shape
    this.#clock = shape.clock as Clock<unknown, unknown>
    this.#followsStream = Object.getPrototypeOf(shape.clock) === WatermarkClock.prototype
    this.#time.moveTo(context.runtime.now())
    this.table = new KeyTable<E>({
      make: (key, resume) => this.#make(key, resume as Stored | null),
      snapshot: (entry) => [entry.clock?.logic.snapshot() ?? null, this.stateOf(entry)] as const,
    })
    const { slack } = shape
    this.#deadlines =
      this.#followsStream && slack !== undefined ? new CoarseDeadlines(slack) : new ExactDeadlines()
    const factory = this.#followsStream ? streamLoop : clockLoop
    this.#loop = ownCopy(factory, context.stepId)(this as TimedSteps, this.#timestamp(), itemTime)
  }

  onLoaded(): void {
    this.#time.startAt(this.context.runtime.now())
    for (const entry of this.table.entries.values()) this.settle(entry)
  }

  onBatch(keys: readonly string[], values: readonly unknown[], input: number): void {
    if (!this.#followsStream) this.#time.moveTo(this.context.runtime.now())
    this.position = 0
    for (;;) {
      try {
        this.#loop(keys, values, input)
        break
      } catch (error) {
        this.#send()
        const { position } = this
        const key = keys[position] as string
        const entry = this.table.get(key)
        if (entry !== undefined) this.settle(entry)
        this.context.fail({
          callback: this.timed === position ? this.#shape.role : clockRole(this.#shape.clock),
          error,
          key,
          item: values[position],
        })
        this.position += 1
      }
    }
    this.#send()
  }

  onWatermark(time: number): void {
    this.watermark = time
    this.#time.advanceTo(time)
    if (this.#hasClocks && !this.#clocksFollow) return
    this.#wake(time)
  }

  nextTimer(): number {
    return this.#hasClocks && !this.#clocksFollow ? this.#deadlines.next : Number.POSITIVE_INFINITY
  }

  onTimer(now: number): void {
    this.#time.moveTo(now)
    this.#soonest = this.#time.now + 1
    try {
      this.#wake(this.#time.now)
    } finally {
      this.#soonest = Number.NEGATIVE_INFINITY
    }
  }

  /** All input has ended: whatever waits for its time is let out, key after key. */
  onEnd(): void {
    for (const key of [...this.table.entries.keys()].sort()) {
      const entry = this.table.get(key) as E
      this.table.touch(entry)
      this.advance(entry, entry.clock?.logic.onEof() ?? Number.POSITIVE_INFINITY)
      this.settle(entry)
    }
    this.#send()
  }

  forget(key: string): void {
    const entry = this.table.get(key)
    if (entry !== undefined) this.#forget(entry)
  }

  /** A value that is on time; `entry` has been touched. */
  abstract take(entry: E, input: number, value: unknown, time: number): void
  /** Lets out all that the watermark has made due. */
  abstract advance(entry: E, watermark: number): void
  /** The watermark at which something is due, or infinity. */
  abstract deadline(entry: E): number
  abstract isEmpty(entry: E): boolean
  protected abstract newEntry(key: string): E
  protected abstract stateOf(entry: E): unknown
  protected abstract resume(entry: E, state: unknown): void

  emit(key: string, value: unknown): void {
    this.#outKeys.push(key)
    this.#outValues.push(value)
    if (this.#outKeys.length === BATCH) this.#send()
  }

  /** Calls the user's code for a value that was taken in before. */
  protected call(
    entry: E,
    item: unknown,
    body: () => void,
    callback: string = this.#shape.role,
  ): void {
    try {
      body()
    } catch (error) {
      this.#send()
      this.context.fail({ callback, error, key: entry.$key, item })
    }
  }

  /** After anything that concerned the entry: when to look at it again, or that it can go. */
  settle(entry: E): void {
    const clock = entry.clock === null ? null : entry.clock.logic
    if (this.isEmpty(entry) && (clock === null || clock.snapshot() === null)) {
      this.#forget(entry)
      return
    }
    const deadline = this.deadline(entry)
    if (clock === null || clock.followsStream === true) {
      this.#deadlines.schedule(entry, deadline === Number.POSITIVE_INFINITY ? null : deadline)
    } else {
      const wake =
        deadline === Number.POSITIVE_INFINITY ? null : (clock.wakeFor?.(deadline) ?? null)
      const own = clock.notifyAt()
      const next = own === null || (wake !== null && wake < own) ? wake : own
      this.#deadlines.schedule(entry, next === null ? null : Math.max(next, this.#soonest))
    }
  }

  get #hasClocks(): boolean {
    return !this.#followsStream
  }

  /** Clocks of their own that follow the stream all the same. */
  get #clocksFollow(): boolean {
    return this.#clock instanceof WatermarkClock
  }

  #timestamp(): (value: unknown) => TimeLike {
    return this.#clock instanceof WatermarkClock
      ? (this.#clock as WatermarkClock<unknown>).timestamp
      : () => Number.NaN
  }

  #make(key: string, stored: Stored | null): E {
    const entry = this.newEntry(key)
    entry.$key = key
    if (!this.#followsStream) {
      entry.clock = new KeyClock(this.#clock.build(stored?.[0] ?? null, this.#time))
    }
    if (stored !== null) this.resume(entry, stored[1])
    return entry
  }

  #wake(until: number): void {
    // Each once: a clock that always asks for a time gone by must not hold up all others.
    for (const entry of this.#deadlines.take(until)) {
      this.table.touch(entry)
      this.advance(entry, entry.clock?.reach(entry.clock.logic.onNotify()) ?? this.watermark)
      this.settle(entry)
    }
    this.#send()
  }

  #forget(entry: E): void {
    this.#deadlines.schedule(entry, null)
    this.table.remove(entry)
  }

  #send(): void {
    if (this.#outKeys.length === 0) return
    this.context.emit(0, this.#outKeys, this.#outValues)
    this.#outKeys = []
    this.#outValues = []
  }
}

/** What the loops see of the step they run for. */
interface TimedSteps {
  readonly table: KeyTable<TimedEntry>
  readonly watermark: number
  position: number
  timed: number
  lateItems: number
  take(entry: TimedEntry, input: number, value: unknown, time: number): void
  advance(entry: TimedEntry, watermark: number): void
  settle(entry: TimedEntry): void
}

type TimedLoop = (keys: readonly string[], values: readonly unknown[], input: number) => void

type TimedLoopFactory = (
  step: TimedSteps,
  timestamp: (value: unknown) => TimeLike,
  millisOf: (time: TimeLike, reader: string) => number,
) => TimedLoop

/** All keys follow the stream. Self-contained, so that each step has its own copy (see `ownCopy`). */
const streamLoop: TimedLoopFactory = (step, timestamp, millisOf) => (keys, values, input) => {
  const { table, watermark } = step
  const { entries, epoch } = table
  const n = values.length
  let at = step.position
  let timed = -1
  let late = 0
  try {
    for (; at < n; at++) {
      const value = values[at]
      const stamp = timestamp(value)
      const time =
        typeof stamp === 'number' && stamp - stamp === 0 ? stamp : millisOf(stamp, 'WatermarkClock')
      timed = at
      if (time < watermark) {
        late += 1
        continue
      }
      const key = keys[at] as string
      const known = entries.get(key)
      if (known !== undefined && known.$stamp !== epoch) table.touch(known)
      const entry = known ?? table.add(key)
      step.take(entry, input, value, time)
      step.settle(entry)
    }
  } finally {
    step.position = at
    step.timed = timed
    step.lateItems += late
  }
}

/** Each key has a clock of its own. Self-contained, as above. */
const clockLoop: TimedLoopFactory = (step) => (keys, values, input) => {
  const { table } = step
  const n = values.length
  let at = step.position
  let timed = -1
  try {
    for (; at < n; at++) {
      const key = keys[at] as string
      const known = table.get(key)
      if (known !== undefined) table.touch(known)
      const entry = known ?? table.add(key)
      const { clock } = entry
      if (clock === null) continue
      const reading = clock.logic.onItem(values[at])
      timed = at
      const reached = clock.reach(reading.watermark)
      if (reading.time < reached) step.lateItems += 1
      else step.take(entry, input, values[at], reading.time)
      step.advance(entry, reached)
      step.settle(entry)
    }
  } finally {
    step.position = at
    step.timed = timed
  }
}
