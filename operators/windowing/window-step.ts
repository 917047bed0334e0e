import { Entry } from '../../lib/state/entry.ts'
import { KeyTable } from '../../lib/state/key-table.ts'
import { TimerHeap } from '../../lib/state/timer-heap.ts'
import { KeyWindows, type KeyWindowsState } from './key-windows.ts'
import { MovingTime } from './step-time.ts'
import type { WindowPlan } from './window-plan.ts'
import type { WindowSink } from './window-sink.ts'

/** A key in the table of a step, and in the heap of those that are due. */
class KeyEntry<V, W> extends Entry {
  readonly windows: KeyWindows<V, W>
  isTouched = false

  constructor(key: string, windows: KeyWindows<V, W>) {
    super()
    this.$key = key
    this.windows = windows
  }
}

/**
 * The windows of all keys of a step on one worker, for any clock, windower and logic.
 *
 * Keys wake from one heap by (time, key): by the stream's watermark if their clock follows it, else
 * by wall time. So closing costs per closed window, never per live key. A key with nothing to keep
 * is forgotten.
 */
export class WindowStep<V, W> {
  readonly table: KeyTable<KeyEntry<V, W>>
  /** How many values of the batch were taken in; where one threw, its place. */
  position = 0
  /** The place of the last value whose time is known. */
  timed = -1
  /** The key whose windows were last at work. */
  key = ''
  readonly #plan: WindowPlan<V, W>
  readonly #sink: WindowSink<V, W>
  readonly #time = new MovingTime()
  readonly #byWallTime = new TimerHeap<KeyEntry<V, W>>()
  readonly #byWatermark = new TimerHeap<KeyEntry<V, W>>()
  #touched: KeyEntry<V, W>[] = []
  /** A key that was just notified and asks for a time gone by is not notified again at once. */
  #soonest: number = Number.NEGATIVE_INFINITY

  /** Keys that are loaded see `now`, until `onLoaded` tells when wall time goes on. */
  constructor(plan: WindowPlan<V, W>, sink: WindowSink<V, W>, now: number) {
    this.#plan = plan
    this.#sink = sink
    this.#time.moveTo(now)
    this.table = new KeyTable<KeyEntry<V, W>>({
      make: (key, resume) => this.#make(key, resume as KeyWindowsState | null),
      snapshot: (entry) => entry.windows.snapshot(),
    })
  }

  /** Everything stored is there; wall time counts from here on. */
  onLoaded(now: number): void {
    this.#time.startAt(now)
    for (const key of this.table.keys()) this.#schedule(this.#entryOf(key))
  }

  /**
   * Takes in a batch: `values[i]` has the key `keys[i]`; `now` is wall time.
   *
   * Where a callback throws, `position` says how many values were taken in before, and `key` whose
   * windows it was. To go on after it, give the rest of the batch, even if nothing is left: what the
   * values before have made due comes out then.
   */
  onBatch(keys: readonly string[], values: readonly V[], now: number): void {
    this.#time.moveTo(now)
    this.timed = -1
    let i = 0
    try {
      for (; i < keys.length; i++) {
        const entry = this.#entryOf(keys[i] as string)
        if (!entry.isTouched) {
          this.table.touch(entry)
          entry.isTouched = true
          this.#touched.push(entry)
        }
        this.key = entry.$key
        const reading = entry.windows.read(values[i] as V)
        this.timed = i
        entry.windows.onValue(values[i] as V, reading, this.#sink)
      }
    } finally {
      this.position = i
    }
    this.#flushTouched()
  }

  /** The stream's watermark moved; keys whose clock follows it let out what is due. */
  onWatermark(watermark: number): void {
    this.#time.advanceTo(watermark)
    this.#notifyDue(this.#byWatermark, this.#time.watermark)
  }

  /** The wall time at which to call `onTimer`, or infinity. */
  nextTimer(): number {
    return this.#byWallTime.next
  }

  onTimer(now: number): void {
    this.#time.moveTo(now)
    this.#soonest = this.#time.now + 1
    try {
      this.#notifyDue(this.#byWallTime, this.#time.now)
    } finally {
      this.#soonest = Number.NEGATIVE_INFINITY
    }
  }

  /** All input has ended: every window closes, key after key. */
  onEof(now: number): void {
    this.#time.moveTo(now)
    for (const key of [...this.table.keys()].sort()) {
      this.#let(this.#entryOf(key), (windows) => windows.onEof(this.#sink))
    }
  }

  /** Forgets a key. */
  forget(key: string): void {
    const entry = this.table.get(key)
    if (entry !== undefined) this.#forget(entry)
  }

  #entryOf(key: string): KeyEntry<V, W> {
    return this.table.get(key) ?? this.table.add(key)
  }

  #make(key: string, resume: KeyWindowsState | null): KeyEntry<V, W> {
    const windows = new KeyWindows<V, W>(this.#plan, key, { resume, time: this.#time })
    return new KeyEntry(key, windows)
  }

  #notifyDue(heap: TimerHeap<KeyEntry<V, W>>, until: number): void {
    const due: KeyEntry<V, W>[] = []
    while (heap.next <= until) due.push(heap.pop())
    // Each once: a clock that always asks for a time gone by must not hold up all others.
    for (const entry of due) this.#let(entry, (windows) => windows.onNotify(this.#sink))
  }

  #flushTouched(): void {
    const touched = this.#touched
    let next = 0
    try {
      for (; next < touched.length; next++) {
        const entry = touched[next] as KeyEntry<V, W>
        entry.isTouched = false
        this.#let(entry, (windows) => windows.flush(this.#sink))
      }
    } finally {
      this.#touched = touched.slice(next + 1)
    }
  }

  /** Lets a key work; whatever comes of it, its next time is known then. */
  #let(entry: KeyEntry<V, W>, work: (windows: KeyWindows<V, W>) => void): void {
    this.key = entry.$key
    this.table.touch(entry)
    try {
      work(entry.windows)
    } finally {
      if (entry.windows.isEmpty()) this.#forget(entry)
      else this.#schedule(entry)
    }
  }

  #schedule(entry: KeyEntry<V, W>): void {
    const { windows } = entry
    if (windows.followsStream) this.#byWatermark.schedule(entry, windows.deadline())
    else this.#byWallTime.schedule(entry, this.#notBefore(windows.notifyAt()))
  }

  #notBefore(wake: number | null): number | null {
    return wake === null ? null : Math.max(wake, this.#soonest)
  }

  #forget(entry: KeyEntry<V, W>): void {
    const heap = entry.windows.followsStream ? this.#byWatermark : this.#byWallTime
    heap.schedule(entry, null)
    this.table.remove(entry)
  }
}
