import { DueHeap } from './due-heap.ts'
import { KeyWindows, type KeyWindowsState } from './key-windows.ts'
import { MovingTime } from './step-time.ts'
import type { WindowPlan } from './window-plan.ts'
import type { WindowSink } from './window-sink.ts'

/** A key in the table of a step, and in the heap of those that are due. */
class KeyEntry<V, W> {
  readonly key: string
  readonly windows: KeyWindows<V, W>
  due = 0
  place = -1
  isTouched = false
  isChanged = false

  constructor(key: string, windows: KeyWindows<V, W>) {
    this.key = key
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
  readonly #plan: WindowPlan<V, W>
  readonly #sink: WindowSink<V, W>
  readonly #time = new MovingTime()
  readonly #entries = new Map<string, KeyEntry<V, W>>()
  readonly #byWallTime = new DueHeap<KeyEntry<V, W>>()
  readonly #byWatermark = new DueHeap<KeyEntry<V, W>>()
  /** How many values of the batch were taken in; where one threw, its place. */
  position = 0
  /** The key whose windows were last at work. */
  key = ''
  #touched: KeyEntry<V, W>[] = []
  #changed: string[] = []

  constructor(plan: WindowPlan<V, W>, sink: WindowSink<V, W>) {
    this.#plan = plan
    this.#sink = sink
  }

  get size(): number {
    return this.#entries.size
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
    let i = 0
    try {
      for (; i < keys.length; i++) {
        const entry = this.#entryOf(keys[i] as string)
        if (!entry.isTouched) {
          entry.isTouched = true
          this.#touched.push(entry)
        }
        this.key = entry.key
        entry.windows.onValue(values[i] as V, this.#sink)
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

  /** The wall time at which to call `onTimer`, or `null`. */
  nextTimer(): number | null {
    return this.#byWallTime.peek()?.due ?? null
  }

  onTimer(now: number): void {
    this.#time.moveTo(now)
    this.#notifyDue(this.#byWallTime, this.#time.now)
  }

  /** All input has ended: every window closes, key after key. */
  onEof(now: number): void {
    this.#time.moveTo(now)
    for (const key of [...this.#entries.keys()].sort()) {
      this.#let(this.#entryOf(key), (windows) => windows.onEof(this.#sink))
    }
  }

  /** The keys that changed since the last call, each at least once. */
  takeChanged(): string[] {
    const changed = this.#changed
    this.#changed = []
    for (const key of changed) {
      const entry = this.#entries.get(key)
      if (entry !== undefined) entry.isChanged = false
    }
    return changed
  }

  /** What to keep of a key; `undefined` for nothing, which forgets what was kept before. */
  snapshotOf(key: string): KeyWindowsState | undefined {
    return this.#entries.get(key)?.windows.snapshot()
  }

  /** Takes a key over from a snapshot. Wall time, and a stored watermark, come before. */
  load(key: string, state: KeyWindowsState, now: number): void {
    this.#time.moveTo(now)
    const old = this.#entries.get(key)
    if (old !== undefined) this.#forget(old)
    this.#schedule(this.#add(key, state))
  }

  /** The key's state is gone. */
  unload(key: string): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#forget(entry)
  }

  #entryOf(key: string): KeyEntry<V, W> {
    return this.#entries.get(key) ?? this.#add(key, null)
  }

  #add(key: string, resume: KeyWindowsState | null): KeyEntry<V, W> {
    const windows = new KeyWindows<V, W>(this.#plan, key, { resume, time: this.#time })
    const entry = new KeyEntry(key, windows)
    this.#entries.set(key, entry)
    return entry
  }

  #notifyDue(heap: DueHeap<KeyEntry<V, W>>, until: number): void {
    const due: KeyEntry<V, W>[] = []
    for (let entry = heap.peek(); entry !== undefined; entry = heap.peek()) {
      if (entry.due > until) break
      heap.remove(entry)
      due.push(entry)
    }
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

  /** Lets a key work; whatever comes of it, what it changed is noted and its next time is known. */
  #let(entry: KeyEntry<V, W>, work: (windows: KeyWindows<V, W>) => void): void {
    this.key = entry.key
    try {
      work(entry.windows)
    } finally {
      this.#settle(entry)
    }
  }

  #settle(entry: KeyEntry<V, W>): void {
    if (!entry.isChanged) {
      entry.isChanged = true
      this.#changed.push(entry.key)
    }
    if (entry.windows.isEmpty()) this.#forget(entry)
    else this.#schedule(entry)
  }

  #schedule(entry: KeyEntry<V, W>): void {
    if (entry.windows.followsStream) {
      this.#byWatermark.schedule(entry, entry.windows.deadline())
    } else {
      this.#byWallTime.schedule(entry, entry.windows.notifyAt())
    }
  }

  #forget(entry: KeyEntry<V, W>): void {
    this.#byWallTime.remove(entry)
    this.#byWatermark.remove(entry)
    this.#entries.delete(entry.key)
  }
}
