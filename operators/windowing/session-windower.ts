import type { DurationLike } from '../../lib/time/time.ts'
import { type WindowMetadata, WindowSpan } from './window-metadata.ts'
import { finiteLengthOrZero } from './window-options.ts'
import { LATE_SESSION_ID, Windower, type WindowerLogic } from './windower.ts'

export interface SessionWindowerOptions {
  /** The longest silence inside a session; a value exactly this far away still belongs to it. */
  readonly gap: DurationLike
}

/** An open session in a snapshot. */
type SessionState = readonly [id: number, open: number, close: number, mergedIds: number[]]

/** Where the ids of a key go on, and its open sessions in the order they were opened. */
export interface SessionWindowerState {
  readonly nextId: number
  readonly open: readonly SessionState[]
}

/**
 * Assign each value to a session: a run of values with no silence longer than `gap`.
 *
 * Sessions of a key are numbered from 0 in the order they open. A value that closes the silence
 * between sessions merges them into the one that opens first. A session closes when the watermark
 * is more than `gap` past its last value.
 *
 * @throws BuildError where `gap` is negative or not a length of time
 *
 * @example
 * ```ts
 * new SessionWindower({ gap: { minutes: 30 } })
 * ```
 */
export class SessionWindower extends Windower<SessionWindowerState> {
  readonly gap: number

  constructor(options: SessionWindowerOptions) {
    super()
    this.gap = finiteLengthOrZero(options.gap, 'SessionWindower: gap')
  }

  override build(resume: SessionWindowerState | null): WindowerLogic<SessionWindowerState> {
    return new SessionWindowerLogic(this.gap, resume)
  }
}

interface Session {
  readonly id: number
  open: number
  close: number
  readonly mergedIds: number[]
}

export class SessionWindowerLogic implements WindowerLogic<SessionWindowerState> {
  readonly #gap: number
  #nextId: number
  #sessions: Session[]
  #merges: [number, number][] = []

  constructor(gap: number, resume: SessionWindowerState | null) {
    this.#gap = gap
    this.#nextId = resume?.nextId ?? 0
    this.#sessions = (resume?.open ?? []).map(([id, open, close, mergedIds]) => ({
      id,
      open,
      close,
      mergedIds: [...mergedIds],
    }))
  }

  openFor(time: number, watermark: number): number[] {
    for (const session of this.#sessions) {
      if (time >= session.open && time <= session.close) return [session.id]
      if (time < session.open && session.open - time <= this.#gap) {
        session.open = time
        this.#mergeNeighbors()
        return [session.id]
      }
      if (time > session.close && time - session.close <= this.#gap) {
        session.close = time
        this.#mergeNeighbors()
        return [session.id]
      }
    }
    if (time < watermark - this.#gap) return []
    const id = this.#nextId++
    this.#sessions.push({ id, open: time, close: time, mergedIds: [] })
    return [id]
  }

  lateFor(_time: number): number[] {
    return [LATE_SESSION_ID]
  }

  merged(): [number, number][] {
    const merges = this.#merges
    this.#merges = []
    return merges
  }

  closeFor(watermark: number): [number, WindowMetadata][] {
    const closed: [number, WindowMetadata][] = []
    const limit = watermark - this.#gap
    for (const session of this.#sessions) {
      if (session.close < limit) closed.push([session.id, spanOf(session)])
    }
    if (closed.length > 0) {
      this.#sessions = this.#sessions.filter((session) => session.close >= limit)
    }
    return closed
  }

  notifyAt(): number | null {
    let earliest: number | null = null
    for (const session of this.#sessions) {
      const at = this.#closesAt(session)
      if (earliest === null || at < earliest) earliest = at
    }
    return earliest
  }

  isEmpty(): boolean {
    return this.#sessions.length === 0
  }

  snapshot(): SessionWindowerState {
    return {
      nextId: this.#nextId,
      open: this.#sessions.map((s) => [s.id, s.open, s.close, [...s.mergedIds]] as const),
    }
  }

  /** A session that was just absorbed does not close by itself. */
  closesAt(id: number): number {
    const session = this.#sessions.find((candidate) => candidate.id === id)
    return session === undefined ? Number.POSITIVE_INFINITY : this.#closesAt(session)
  }

  metadataOf(id: number): WindowMetadata {
    const session = this.#sessions.find((candidate) => candidate.id === id)
    if (session === undefined) throw new RangeError(`There is no open session ${id}.`)
    return spanOf(session)
  }

  /** A watermark exactly `gap` behind the last value leaves the session open: one more is needed. */
  #closesAt(session: Session): number {
    return Math.floor(session.close + this.#gap) + 1
  }

  /** Folds neighbors no more than `gap` apart into the one that opens first, whatever its id. */
  #mergeNeighbors(): void {
    if (this.#sessions.length < 2) return
    const byOpen = [...this.#sessions].sort((a, b) => a.open - b.open)
    const absorbed = new Set<Session>()
    let into: Session | undefined
    for (const session of byOpen) {
      if (into !== undefined && session.open - into.close <= this.#gap) {
        into.close = Math.max(into.close, session.close)
        into.mergedIds.push(session.id, ...session.mergedIds)
        this.#merges.push([session.id, into.id])
        absorbed.add(session)
      } else {
        into = session
      }
    }
    if (absorbed.size > 0) {
      this.#sessions = this.#sessions.filter((session) => !absorbed.has(session))
    }
  }
}

const spanOf = (session: Session): WindowSpan =>
  new WindowSpan(session.open, session.close, new Set(session.mergedIds))
