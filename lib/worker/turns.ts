import type { Actor } from '../actor/actor.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { Assembly } from './assembly.ts'
import type { Lease } from './lease.ts'
import type { Pacer } from './pacer.ts'
import { RunQueue } from './run-queue.ts'
import type { Whereabouts } from './whereabouts.ts'

/** How long a turn may take before the event loop gets its own: milliseconds. */
const TURN = 10
/** How often a worker without its lease looks for it: milliseconds. */
const LEASE_LOOK = 10

/** What the turns of a worker ask it for. */
export interface Turned {
  readonly assembly: Assembly
  readonly runtime: Runtime
  readonly lease: Lease
  readonly pacer: Pacer
  /** Takes note of what the worker is at; `null` where nobody looks. */
  readonly whereabouts: Whereabouts | null
  /** Whether the worker has come to its end. */
  readonly over: () => boolean
  /** Whether the flow reads, and has been told neither to stop nor to abort. */
  readonly underWay: () => boolean
  /** Has the open epoch end soon. */
  readonly askForCut: () => void
  /** Ends the open epoch on all workers. */
  readonly pace: () => void
  readonly failed: (error: unknown) => void
  /** Nothing is left to do before something comes in, or its time. */
  readonly idle: () => void
}

/**
 * The loop of a worker: turns for as long as there is something to do, then sleep until there is.
 *
 * T1. A turn reads at most one batch from each source partition, and only where there is room.
 * T2. What one turn read is through the flow before the next begins, unless its time is up.
 * T3. Without the lease there is no turn, only a look for it now and then.
 */
export class Turns {
  readonly #assembly: Assembly
  readonly #runtime: Runtime
  readonly #lease: Lease
  readonly #pacer: Pacer
  readonly #worker: Turned
  readonly #queue: RunQueue
  #scheduled = false
  #turning = false
  #timer: Timer | null = null

  constructor(worker: Turned) {
    this.#assembly = worker.assembly
    this.#runtime = worker.runtime
    this.#lease = worker.lease
    this.#pacer = worker.pacer
    this.#worker = worker
    this.#queue = new RunQueue(worker.assembly.actors, worker)
  }

  /** Has the next turn come soon. */
  wake(): void {
    if (this.#scheduled || this.#worker.over()) return
    this.#scheduled = true
    this.#cancelTimer()
    this.#runtime.soon(() => this.#turn())
  }

  /** Lets an actor go, in the turn under way or the next. */
  schedule(actor: Actor): void {
    this.#queue.add(actor)
    this.wakeIfAsleep()
  }

  /** For what the turn under way will see by itself. */
  wakeIfAsleep(): void {
    if (!this.#turning) this.wake()
  }

  /** Has nothing left that could begin a turn; the worker is over. */
  end(): void {
    this.#cancelTimer()
  }

  #turn(): void {
    this.#scheduled = false
    if (this.#worker.over()) return
    if (!this.#lease.held) {
      this.#awaitLease()
      return
    }
    const active = this.#rounds()
    if (this.#worker.over()) return
    if (!this.#lease.held) this.#awaitLease()
    else if (active) this.wake()
    else {
      this.#worker.idle()
      if (!this.#worker.over()) this.#sleep()
    }
  }

  /** Rounds until nothing happens or the time is up; whether there may be more to do. */
  #rounds(): boolean {
    this.#turning = true
    const until = this.#runtime.monotonic() + TURN
    let active = false
    for (const { behavior } of this.#assembly.sources) behavior.rouse()
    try {
      do active = this.#round(until)
      while (active && !this.#worker.over() && this.#runtime.monotonic() < until)
      this.#assembly.ports.flush()
    } catch (error) {
      this.#worker.failed(error)
      // What was read before an abort still goes through.
      active = true
    } finally {
      this.#turning = false
      this.#worker.whereabouts?.leave()
    }
    return active
  }

  /** Timers, then what is in the mailboxes, then a turn at each source; true if anything happened. */
  #round(until: number): boolean {
    const now = this.#runtime.now()
    let active = this.#fireTimers(now)
    if (!this.#drain(until)) return true
    if (this.#mayRead()) {
      const gave = this.#read(now)
      active ||= gave
      if (gave && this.#pacer.asksEachTurn) this.#worker.askForCut()
      if (!this.#drain(until)) active = true
    }
    return this.#endDueEpoch(until) || active
  }

  /** Whether an epoch ended of which there is more to do. */
  #endDueEpoch(until: number): boolean {
    if (!this.#worker.underWay() || this.#pacer.dueIn > 0) return false
    this.#worker.pace()
    return !this.#drain(until)
  }

  #fireTimers(now: number): boolean {
    let fired = false
    for (const actor of this.#assembly.timed) {
      const due = actor.behavior.nextTime()
      if (due > now || actor.held) continue
      this.#worker.whereabouts?.enter(actor.index)
      actor.behavior.onTime(now)
      fired = true
    }
    return fired
  }

  /** Lets actors go until none can; false when time is up first (T2). */
  #drain(until: number): boolean {
    return this.#queue.drain(until, () => this.#worker.over() || !this.#lease.held)
  }

  #mayRead(): boolean {
    return this.#worker.underWay() && !this.#pacer.behind
  }

  /** One turn at every source (T1). */
  #read(now: number): boolean {
    const alone = !this.#pacer.asksEachTurn && this.#livePartitions() === 1
    let gave = false
    for (const source of this.#assembly.sources) {
      const { actor, behavior } = source
      if (behavior.finished) continue
      if (actor.full) behavior.pass()
      else if (this.#poll(source, now, alone)) gave = true
      if (behavior.exhausted) {
        behavior.finish(false)
        gave = true
      }
    }
    return gave
  }

  #poll({ actor, behavior }: Assembly['sources'][number], now: number, alone: boolean): boolean {
    const { timing } = actor
    this.#worker.whereabouts?.enter(actor.index)
    if (timing === null) return behavior.turn(now, alone)
    timing.begin()
    const gave = behavior.turn(now, alone)
    if (gave) timing.end()
    return gave
  }

  #livePartitions(): number {
    let live = 0
    for (const { behavior } of this.#assembly.sources) {
      if (!behavior.finished) live += behavior.live
    }
    return live
  }

  #sleep(): void {
    const now = this.#runtime.now()
    const wait = Math.min(this.#restOfSources(now), this.#restOfTimers(now), this.#restOfEpoch())
    this.#cancelTimer()
    if (wait === Number.POSITIVE_INFINITY) return
    this.#timer = this.#runtime.after(Math.max(0, wait), () => this.wake())
  }

  /** How long no source is to be polled: milliseconds. */
  #restOfSources(now: number): number {
    const reads = this.#mayRead()
    let rest = Number.POSITIVE_INFINITY
    for (const { actor, behavior } of this.#assembly.sources) {
      if (!reads || behavior.finished || actor.full) {
        behavior.pass()
        continue
      }
      behavior.rest()
      rest = Math.min(rest, behavior.awake - now)
    }
    return rest
  }

  #restOfTimers(now: number): number {
    let rest = Number.POSITIVE_INFINITY
    for (const actor of this.#assembly.timed) {
      if (!actor.held) rest = Math.min(rest, actor.behavior.nextTime() - now)
    }
    return rest
  }

  #restOfEpoch(): number {
    return this.#worker.underWay() ? this.#pacer.dueIn : Number.POSITIVE_INFINITY
  }

  #awaitLease(): void {
    this.#cancelTimer()
    this.#timer = this.#runtime.after(LEASE_LOOK, () => this.wake())
  }

  #cancelTimer(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}
