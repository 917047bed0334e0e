import { type FiringPolicy, type FiringState, nextFiring } from './firing.ts'
import { plainCopy } from './plain-copy.ts'
import type { WindowLogic } from './window-logic.ts'
import { closeMillisOf, type WindowMetadata } from './window-metadata.ts'
import type { BuildLogic } from './window-plan.ts'
import type { WindowSink } from './window-sink.ts'
import type { WindowerLogic } from './windower.ts'

/** What a snapshot keeps of a key's windows that may come out more than once. */
export type KeyFiringState = readonly (readonly [
  id: number,
  unfired: number,
  fireAt: number | null,
  ended: boolean,
])[]

/** The windows of the key that fires, which are shared with it. */
export interface FiringKey<V, W> {
  readonly key: string
  readonly logics: Map<number, WindowLogic<V, W, unknown>>
  readonly windower: WindowerLogic<unknown>
  readonly build: BuildLogic<V, W>
}

/**
 * Lets windows of one key come out early and again.
 *
 * A window that goes on after it came out is shown by a copy: a logic built from its snapshot, which
 * closes in its stead. So what came out does not change when the window does.
 */
export class KeyFiring<V, W> {
  readonly #policy: FiringPolicy
  readonly #owner: FiringKey<V, W>
  readonly #states = new Map<number, FiringState>()

  constructor(policy: FiringPolicy, resume: KeyFiringState | null, owner: FiringKey<V, W>) {
    this.#policy = policy
    this.#owner = owner
    for (const [id, unfired, fireAt, ended] of resume ?? []) {
      this.#states.set(id, { unfired, fireAt: fireAt ?? Number.POSITIVE_INFINITY, ended })
    }
  }

  get allowedLateness(): number {
    return this.#policy.allowedLateness
  }

  isEmpty(): boolean {
    return this.#states.size === 0
  }

  snapshot(): KeyFiringState {
    return Array.from(this.#states, ([id, { unfired, fireAt, ended }]) => {
      return [id, unfired, Number.isFinite(fireAt) ? fireAt : null, ended] as const
    })
  }

  onValue(id: number, time: number, sink: WindowSink<V, W>): void {
    const state = this.#stateOf(id)
    state.unfired++
    if (state.ended) return
    if (state.unfired >= this.#policy.count) this.#fireEarly(id, state, sink)
    else state.fireAt = Math.min(state.fireAt, nextFiring(time, this.#policy.every))
  }

  onMerge(from: number, into: number): void {
    const other = this.#states.get(from)
    if (other === undefined) return
    this.#states.delete(from)
    const state = this.#stateOf(into)
    state.unfired += Math.max(1, other.unfired)
    state.fireAt = Math.min(state.fireAt, other.fireAt)
  }

  forget(id: number): void {
    this.#states.delete(id)
  }

  /** Early results that `every` makes due at this watermark, by (time, id). */
  fireDue(watermark: number, sink: WindowSink<V, W>): void {
    if (!Number.isFinite(this.#policy.every)) return
    const due: [id: number, state: FiringState][] = []
    for (const entry of this.#states) {
      if (entry[1].fireAt <= watermark && !this.#endsAt(entry[0], watermark)) due.push(entry)
    }
    due.sort(([a, stateA], [b, stateB]) => stateA.fireAt - stateB.fireAt || a - b)
    for (const [id, state] of due) this.#fireEarly(id, state, sink)
  }

  /** With allowed lateness: windows that end, that changed after their end, and that are done. */
  settle(watermark: number, sink: WindowSink<V, W>): void {
    const due: [id: number, metadata: WindowMetadata, state: FiringState][] = []
    for (const [id, state] of this.#states) {
      // A session that grew after its end may have its end ahead of it again.
      if (!this.#endsAt(id, watermark)) state.ended = false
      else if (!state.ended || state.unfired > 0) due.push([id, this.#metadataOf(id), state])
    }
    due.sort(([a, of], [b, other]) => closeMillisOf(of) - closeMillisOf(other) || a - b)
    for (const [id, metadata, state] of due) {
      this.#fireEnded(id, state, sink)
      sink.meta(this.#owner.key, id, metadata)
    }
    for (const [id] of this.#owner.windower.closeFor(watermark - this.#policy.allowedLateness)) {
      this.#owner.logics.delete(id)
      this.#states.delete(id)
    }
  }

  /** The watermark at which the next window comes out. */
  deadline(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const [id, state] of this.#states) {
      earliest = Math.min(earliest, state.fireAt)
      if (this.#policy.allowedLateness > 0 && !state.ended) {
        earliest = Math.min(earliest, this.#closesAt(id))
      }
    }
    return earliest
  }

  #fireEarly(id: number, state: FiringState, sink: WindowSink<V, W>): void {
    state.unfired = 0
    state.fireAt = Number.POSITIVE_INFINITY
    const logic = this.#owner.logics.get(id)
    if (logic !== undefined) this.#show(id, this.#copyOf(logic), sink)
  }

  #fireEnded(id: number, state: FiringState, sink: WindowSink<V, W>): void {
    state.unfired = 0
    state.fireAt = Number.POSITIVE_INFINITY
    state.ended = true
    const logic = this.#owner.logics.get(id)
    if (logic === undefined) return
    if (this.#policy.discardsFired) {
      this.#owner.logics.delete(id)
      this.#show(id, logic, sink)
    } else {
      this.#show(id, this.#copyOf(logic), sink)
    }
  }

  #show(id: number, logic: WindowLogic<V, W, unknown>, sink: WindowSink<V, W>): void {
    for (const out of logic.onClose()) sink.down(this.#owner.key, id, out)
  }

  #copyOf(logic: WindowLogic<V, W, unknown>): WindowLogic<V, W, unknown> {
    return this.#owner.build(plainCopy(logic.snapshot()))
  }

  #stateOf(id: number): FiringState {
    let state = this.#states.get(id)
    if (state === undefined) {
      state = { unfired: 0, fireAt: Number.POSITIVE_INFINITY, ended: false }
      this.#states.set(id, state)
    }
    return state
  }

  /** Without `closesAt` a window that ends is not told from others: it comes out early first. */
  #endsAt(id: number, watermark: number): boolean {
    return this.#closesAt(id) <= watermark
  }

  #closesAt(id: number): number {
    return this.#owner.windower.closesAt?.(id) ?? Number.POSITIVE_INFINITY
  }

  #metadataOf(id: number): WindowMetadata {
    const metadata = this.#owner.windower.metadataOf?.(id)
    if (metadata === undefined) throw new RangeError(`There is no open window ${id}.`)
    return metadata
  }
}
