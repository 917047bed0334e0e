import { ownCopy } from '../../lib/actor/own-copy.ts'
import { KeyTable } from '../../lib/state/key-table.ts'
import { TimerHeap } from '../../lib/state/timer-heap.ts'
import { itemTime } from '../../lib/time/item-time.ts'
import type { TimeLike } from '../../lib/time/time.ts'
import type { WindowFold } from './fold-logic.ts'
import { type HeldSession, SessionEntry } from './session-entry.ts'
import { foldIntoSessions, holdInSessions, type SessionLoopTable } from './session-loops.ts'
import { NOTHING, TimedValues } from './timed-values.ts'
import { WindowSpan } from './window-metadata.ts'
import type { WindowSink } from './window-sink.ts'
import { LATE_SESSION_ID } from './windower.ts'

export interface SessionTableOptions<V, A> {
  readonly timestamp: (value: V) => TimeLike
  /** The longest silence inside a session, milliseconds. */
  readonly gap: number
  readonly fold: WindowFold<V, A>
  /** Values of a session are folded by time; else as they come. */
  readonly ordered: boolean
  readonly sink: WindowSink<V, A>
  /** Whose loop it is. */
  readonly stepId: string
}

/** What a snapshot keeps of a key. */
export interface SessionTableState {
  readonly nextId: number
  readonly sessions: readonly HeldSession[]
}

type SessionLoop<V, A> = (
  table: SessionLoopTable<V, A>,
  keys: readonly string[],
  values: readonly V[],
) => void

/**
 * Sessions of all keys of a step that follows the stream's watermark and folds: the same result as a
 * `WindowStep`, by one object a key.
 *
 * A session that a value prolongs stays where it is in the heap of those due; it moves when it gets
 * to the top before its time. Ordered sessions are numbered as they close, which is in order of time.
 */
export class SessionTable<V, A> implements SessionLoopTable<V, A> {
  readonly table: KeyTable<SessionEntry>
  readonly timestamp: (value: V) => TimeLike
  readonly fold: (accumulator: A, value: V) => A
  readonly gap: number
  watermark: number = Number.NEGATIVE_INFINITY
  position = 0
  timed = -1
  readonly #folding: WindowFold<V, A>
  readonly #ordered: boolean
  readonly #sink: WindowSink<V, A>
  readonly #loop: SessionLoop<V, A>
  readonly #due = new TimerHeap<SessionEntry>()

  constructor(options: SessionTableOptions<V, A>) {
    this.table = new KeyTable<SessionEntry>({
      make: (key, resume) => this.#make(key, resume as SessionTableState | null),
      snapshot: (entry) => this.#stateOf(entry),
    })
    this.timestamp = options.timestamp
    this.fold = options.fold.fold
    this.gap = options.gap
    this.#folding = options.fold
    this.#ordered = options.ordered
    this.#sink = options.sink
    this.#loop = options.ordered
      ? ownCopy(holdInSessions<V, A>, options.stepId)
      : ownCopy(foldIntoSessions<V, A>, options.stepId)
  }

  /** Takes in a batch: `values[i]` has the key `keys[i]`. */
  onBatch(keys: readonly string[], values: readonly V[]): void {
    this.#loop(this, keys, values)
  }

  /** The stream's watermark moved: sessions that it ends come out, by (time, key). */
  onWatermark(watermark: number): void {
    if (watermark > this.watermark) this.watermark = watermark
    for (let next = this.#due.next; next <= this.watermark; next = this.#due.next) {
      const entry = this.#due.pop()
      const due = this.#dueOf(entry)
      if (due > next) this.#due.schedule(entry, due)
      else this.#closeUntil(entry, due)
    }
  }

  /** All input has ended: every session closes, key after key. The stream's watermark stays. */
  onEof(): void {
    for (const key of [...this.table.keys()].sort()) {
      const entry = this.table.get(key)
      if (entry !== undefined) this.#closeUntil(entry, Number.POSITIVE_INFINITY)
    }
  }

  /** Forgets a key. */
  forget(key: string): void {
    const entry = this.table.get(key)
    if (entry !== undefined) this.#forget(entry)
  }

  takeApart(key: string, stamp: TimeLike, value: V): void {
    const time = itemTime(stamp, 'WatermarkClock')
    if (time < this.watermark) {
      this.#sink.late(key, LATE_SESSION_ID, value)
      return
    }
    const entry = this.table.get(key)
    if (entry === undefined) {
      this.#openFirst(key, time, value)
      return
    }
    this.table.touch(entry)
    const sessions = [...entry.sessions()]
    const near = sessions.find(({ open, close }) => this.#isNear(time, open, close))
    const before = near === undefined ? this.#newHeld() : near.held
    const held = this.#withValue(before, time, value)
    if (near === undefined) {
      const id = this.#ordered ? -1 : entry.nextId++
      sessions.push({ id, open: time, close: time, held, mergedIds: [] })
      entry.set(sessions)
    } else {
      near.held = held
      near.open = Math.min(near.open, time)
      near.close = Math.max(near.close, time)
      entry.set(this.#merged(sessions))
    }
    const due = this.#dueOf(entry)
    if (due < this.#due.timeOf(entry)) this.#due.schedule(entry, due)
  }

  #openFirst(key: string, time: number, value: V): void {
    const held = this.#withValue(this.#newHeld(), time, value)
    const entry = this.table.add(key)
    entry.id = this.#ordered ? -1 : entry.nextId++
    entry.open = time
    entry.close = time
    entry.held = held
    this.#due.schedule(entry, this.#dueOf(entry))
  }

  #isNear(time: number, open: number, close: number): boolean {
    return open - time <= this.gap && time - close <= this.gap
  }

  /** Folds neighbors no more than the gap apart into the one that opens first. */
  #merged(sessions: HeldSession[]): HeldSession[] {
    if (sessions.length < 2) return sessions
    const absorbed = new Set<HeldSession>()
    let into: HeldSession | undefined
    for (const session of [...sessions].sort((a, b) => a.open - b.open)) {
      if (into !== undefined && session.open - into.close <= this.gap) {
        into.close = Math.max(into.close, session.close)
        into.held = this.#mergedHeld(into.held, session.held)
        into.mergedIds = [...into.mergedIds, session.id, ...session.mergedIds]
        absorbed.add(session)
      } else {
        into = session
      }
    }
    return sessions.filter((session) => !absorbed.has(session))
  }

  #closeUntil(entry: SessionEntry, due: number): void {
    this.table.touch(entry)
    if (entry.isSole() && this.#closesAt(entry.close) <= due) {
      this.#emit(entry, entry.takeSole())
      this.#forget(entry)
      return
    }
    const closing = entry.sessions().filter(({ close }) => this.#closesAt(close) <= due)
    entry.set(entry.sessions().filter(({ close }) => this.#closesAt(close) > due))
    closing.sort((a, b) => a.close - b.close || a.id - b.id)
    for (const session of closing) this.#emit(entry, session)
    if (entry.isEmpty()) this.#forget(entry)
    else this.#due.schedule(entry, this.#dueOf(entry))
  }

  #emit(entry: SessionEntry, { id: given, open, close, held, mergedIds }: HeldSession): void {
    const accumulator = this.#accumulatorOf(entry, held)
    if (accumulator === NOTHING) return
    const id = this.#ordered ? entry.nextId++ : given
    this.#sink.down(entry.$key, id, accumulator)
    const merged = this.#ordered || mergedIds.length === 0 ? undefined : new Set(mergedIds)
    this.#sink.meta(entry.$key, id, new WindowSpan(open, close, merged))
  }

  /** When the first session of an entry closes. */
  #dueOf(entry: SessionEntry): number {
    if (entry.several === null) return this.#closesAt(entry.close)
    return Math.min(...entry.several.map(({ close }) => this.#closesAt(close)))
  }

  #closesAt(close: number): number {
    return Math.floor(close + this.gap) + 1
  }

  #make(key: string, resume: SessionTableState | null): SessionEntry {
    const entry = new SessionEntry(key)
    if (resume === null) return entry
    entry.nextId = resume.nextId
    entry.set(resume.sessions.map((session) => this.#restored(session)))
    this.#due.schedule(entry, this.#dueOf(entry))
    return entry
  }

  #stateOf(entry: SessionEntry): SessionTableState {
    return { nextId: entry.nextId, sessions: entry.sessions().map((s) => this.#stored(s)) }
  }

  #forget(entry: SessionEntry): void {
    this.#due.schedule(entry, null)
    this.table.remove(entry)
  }

  #newHeld(): unknown {
    return this.#ordered ? new TimedValues<V>() : this.#folding.init()
  }

  #withValue(held: unknown, time: number, value: V): unknown {
    if (!this.#ordered) return this.fold(held as A, value)
    const values = held as TimedValues<V>
    values.times.push(time)
    values.values.push(value)
    return values
  }

  #mergedHeld(into: unknown, from: unknown): unknown {
    if (!this.#ordered) return this.#folding.merge(into as A, from as A)
    const [target, other] = [into as TimedValues<V>, from as TimedValues<V>]
    for (const time of other.times) target.times.push(time)
    for (const value of other.values) target.values.push(value)
    return target
  }

  /** `NOTHING` where all values were passed over. */
  #accumulatorOf(entry: SessionEntry, held: unknown): A | typeof NOTHING {
    if (!this.#ordered) return held as A
    const failed = (value: V, error: unknown) => this.#sink.failed(entry.$key, value, error)
    return (held as TimedValues<V>).fold(this.#folding, failed)
  }

  #stored(session: HeldSession): HeldSession {
    if (!this.#ordered) return { ...session }
    const { times, values } = session.held as TimedValues<V>
    return { ...session, held: [times, values] }
  }

  #restored(session: HeldSession): HeldSession {
    if (!this.#ordered) return { ...session }
    const [times, values] = session.held as readonly [number[], V[]]
    return { ...session, held: new TimedValues<V>([...times], [...values]) }
  }
}
