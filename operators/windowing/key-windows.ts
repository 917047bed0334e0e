import type { ClockLogic, Reading } from './clock.ts'
import { KeyFiring, type KeyFiringState } from './key-firing.ts'
import type { StepTime } from './step-time.ts'
import { TimeQueue } from './time-queue.ts'
import type { WindowLogic } from './window-logic.ts'
import { closeMillisOf, type WindowMetadata } from './window-metadata.ts'
import type { WindowPlan } from './window-plan.ts'
import type { WindowSink } from './window-sink.ts'
import type { WindowerLogic } from './windower.ts'

/** What a snapshot keeps of one key. A key with nothing open has its clock and windower alone. */
export interface KeyWindowsState {
  readonly clock: unknown
  readonly windower: unknown
  readonly logics?: readonly (readonly [id: number, state: unknown])[]
  readonly queue?: readonly (readonly [time: number, value: unknown])[]
  readonly firing?: KeyFiringState
}

/**
 * The windows of one key: its clock, its open windows, and values that are not due yet.
 *
 * The engine is not known here. Values go in by `onValue`; `flush` at the end of a batch, `onNotify`
 * and `onEof` let out what is due, always in this order: late values (as they arrive), values into
 * their windows, merges, closes. Windows that close together come out by (close time, id).
 *
 * A value is late when its time lies before the watermark that holds after it; with allowed
 * lateness, when each window it belongs to lies more than that behind the watermark.
 */
export class KeyWindows<V, W> {
  readonly key: string
  readonly #plan: WindowPlan<V, W>
  readonly #clock: ClockLogic<V, unknown>
  readonly #windower: WindowerLogic<unknown>
  readonly #logics = new Map<number, WindowLogic<V, W, unknown>>()
  readonly #firing: KeyFiring<V, W> | null
  /** By time when ordered; else by arrival, in two arrays that `flush` empties. */
  #queue: TimeQueue<V> | null = null
  readonly #pendingTimes: number[] = []
  readonly #pendingValues: V[] = []
  #watermark = Number.NEGATIVE_INFINITY

  constructor(plan: WindowPlan<V, W>, key: string, start: KeyStart) {
    const resume = start.resume
    this.key = key
    this.#plan = plan
    this.#clock = plan.clock.build(resume?.clock ?? null, start.time)
    this.#windower = plan.windower.build(resume?.windower ?? null)
    for (const [id, state] of resume?.logics ?? []) this.#logics.set(id, plan.logic(state))
    for (const [time, value] of resume?.queue ?? []) this.#hold(time, value as V)
    this.#firing =
      plan.firing === null
        ? null
        : new KeyFiring(plan.firing, resume?.firing ?? null, {
            key,
            logics: this.#logics,
            windower: this.#windower,
            build: plan.logic,
          })
  }

  /** Whether the key wakes with the stream's watermark instead of by wall time. */
  get followsStream(): boolean {
    return this.#clock.followsStream === true
  }

  /** What the clock says of a value, before anything comes of it. */
  read(value: V): Reading {
    return this.#clock.onItem(value)
  }

  onValue(value: V, { time, watermark }: Reading, sink: WindowSink<V, W>): void {
    this.#advanceTo(watermark)
    if (time >= this.#watermark) {
      this.#hold(time, value)
      if (this.#firing !== null) this.flush(sink)
    } else if (this.#firing !== null && this.#firing.allowedLateness > 0) {
      this.#admitLate(time, value, sink)
    } else {
      for (const id of this.#windower.lateFor(time)) sink.late(this.key, id, value)
    }
  }

  /** Lets out all that the values since the last flush have made due. */
  flush(sink: WindowSink<V, W>): void {
    if (this.#plan.ordered) this.#insertDue(sink)
    else this.#insertPending(sink)
    this.#merge(sink)
    this.#close(sink)
  }

  /** The time that `notifyAt` or `deadline` named has come. */
  onNotify(sink: WindowSink<V, W>): void {
    this.#advanceTo(this.#clock.onNotify())
    this.flush(sink)
  }

  /** All input has ended. The clock's own watermark, which is what a snapshot keeps, stays. */
  onEof(sink: WindowSink<V, W>): void {
    this.#advanceTo(this.#clock.onEof())
    this.flush(sink)
  }

  /** The watermark at which something is due next, or `null`. */
  deadline(): number | null {
    let earliest = this.#queue?.firstTime ?? Number.POSITIVE_INFINITY
    const closing = this.#windower.notifyAt()
    if (closing !== null) earliest = Math.min(earliest, closing + this.#allowedLateness)
    if (this.#firing !== null) earliest = Math.min(earliest, this.#firing.deadline())
    return earliest === Number.POSITIVE_INFINITY ? null : earliest
  }

  /** The wall time at which to call `onNotify`, or `null`. */
  notifyAt(): number | null {
    const own = this.#clock.notifyAt()
    const deadline = this.deadline()
    const wake = deadline === null ? null : (this.#clock.wakeFor?.(deadline) ?? null)
    if (own === null) return wake
    return wake === null ? own : Math.min(own, wake)
  }

  /** Whether the key can be forgotten: nothing is open, and its clock keeps nothing. */
  isEmpty(): boolean {
    return this.#hasNothingOpen() && this.#windower.isEmpty() && this.#clock.snapshot() === null
  }

  /** Only to be asked for between batches, when all values have been flushed. */
  snapshot(): KeyWindowsState {
    const idle = { clock: this.#clock.snapshot(), windower: this.#windower.snapshot() }
    if (this.#hasNothingOpen()) return idle
    return {
      ...idle,
      logics: Array.from(this.#logics, ([id, logic]) => [id, logic.snapshot()] as const),
      queue: this.#queue?.entries() ?? [],
      ...(this.#firing === null ? {} : { firing: this.#firing.snapshot() }),
    }
  }

  get #allowedLateness(): number {
    return this.#firing?.allowedLateness ?? 0
  }

  #hasNothingOpen(): boolean {
    return this.#logics.size === 0 && this.#queue === null && (this.#firing?.isEmpty() ?? true)
  }

  #advanceTo(watermark: number): void {
    if (watermark > this.#watermark) this.#watermark = watermark
  }

  #hold(time: number, value: V): void {
    if (this.#plan.ordered) {
      this.#queue ??= new TimeQueue()
      this.#queue.push(time, value)
    } else {
      this.#pendingTimes.push(time)
      this.#pendingValues.push(value)
    }
  }

  #insertDue(sink: WindowSink<V, W>): void {
    const queue = this.#queue
    if (queue === null) return
    while (queue.firstTime <= this.#watermark && queue.size > 0) {
      const time = queue.firstTime
      // What came out by `every` before this value must not show it.
      this.#firing?.fireDue(time, sink)
      this.#insert(time, queue.shift(), sink)
    }
    if (queue.size === 0) this.#queue = null
  }

  #insertPending(sink: WindowSink<V, W>): void {
    const times = this.#pendingTimes
    if (times.length === 0) return
    const values = this.#pendingValues
    let next = 0
    try {
      while (next < times.length) {
        const at = next++
        this.#insert(times[at] as number, values[at] as V, sink)
      }
    } finally {
      // Where a callback throws, only its own value is lost.
      times.splice(0, next)
      values.splice(0, next)
    }
  }

  #insert(time: number, value: V, sink: WindowSink<V, W>): void {
    // The watermark may have passed the value since it was taken in; its windows may not refuse it.
    const behind = Math.min(time, this.#watermark - this.#allowedLateness)
    this.#insertInto(this.#windower.openFor(time, behind), time, { value, sink })
  }

  #insertInto(ids: readonly number[], time: number, { value, sink }: Insertion<V, W>): void {
    for (const id of ids) {
      if (this.#apply(id, value, sink)) this.#firing?.onValue(id, time, sink)
    }
  }

  /** Whether the value went into the window; one on which user code throws may be passed over. */
  #apply(id: number, value: V, sink: WindowSink<V, W>): boolean {
    const isNew = !this.#logics.has(id)
    try {
      for (const out of this.#logicOf(id).onValue(value)) sink.down(this.key, id, out)
      return true
    } catch (error) {
      if (isNew) this.#logics.delete(id)
      sink.failed(this.key, value, error)
      return false
    }
  }

  /** The windows that ended come out first, as they would have, had the value come in a later batch. */
  #admitLate(time: number, value: V, sink: WindowSink<V, W>): void {
    this.flush(sink)
    const ids = this.#windower.openFor(time, this.#watermark - this.#allowedLateness)
    for (const id of this.#missed(time, ids)) sink.late(this.key, id, value)
    this.#insertInto(ids, time, { value, sink })
    this.#merge(sink)
    this.#close(sink)
  }

  /** The ids of windows that a value should be in and is not, as it is in those of `ids` only. */
  #missed(time: number, ids: readonly number[]): readonly number[] {
    const named = this.#windower.lateFor(time)
    if (ids.length === 0) return named
    const missed = named.filter((id) => !ids.includes(id))
    // Sessions have a value or not; the id under which they would give it up is none of theirs.
    return missed.length === named.length ? [] : missed
  }

  #merge(sink: WindowSink<V, W>): void {
    for (const [from, into] of this.#windower.merged()) {
      const other = this.#logics.get(from)
      this.#logics.delete(from)
      if (other !== undefined) {
        for (const out of this.#logicOf(into).onMerge(other)) sink.down(this.key, into, out)
      }
      this.#firing?.onMerge(from, into)
    }
  }

  #close(sink: WindowSink<V, W>): void {
    if (this.#firing === null) {
      this.#closeFor(this.#watermark, sink)
    } else {
      this.#firing.fireDue(this.#watermark, sink)
      if (this.#allowedLateness === 0) this.#closeFor(this.#watermark, sink)
      else this.#firing.settle(this.#watermark, sink)
    }
  }

  #closeFor(watermark: number, sink: WindowSink<V, W>): void {
    const closed = this.#windower.closeFor(watermark)
    if (closed.length > 1) closed.sort(byEnd)
    for (const [id, metadata] of closed) {
      const logic = this.#logics.get(id)
      this.#logics.delete(id)
      this.#firing?.forget(id)
      // There is none if all its values were passed over.
      if (logic === undefined) continue
      for (const out of logic.onClose()) sink.down(this.key, id, out)
      sink.meta(this.key, id, metadata)
    }
  }

  #logicOf(id: number): WindowLogic<V, W, unknown> {
    let logic = this.#logics.get(id)
    if (logic === undefined) {
      logic = this.#plan.logic(null)
      this.#logics.set(id, logic)
    }
    return logic
  }
}

/** Where a key starts from, and where its clock reads time. */
export interface KeyStart {
  readonly resume: KeyWindowsState | null
  readonly time: StepTime
}

interface Insertion<V, W> {
  readonly value: V
  readonly sink: WindowSink<V, W>
}

const byEnd = (
  [a, metadataA]: readonly [number, WindowMetadata],
  [b, metadataB]: readonly [number, WindowMetadata],
): number => closeMillisOf(metadataA) - closeMillisOf(metadataB) || a - b
