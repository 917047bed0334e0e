import {
  EOF,
  type Polled,
  type StatefulSourcePartition,
  type StatelessSourcePartition,
} from '../flow/source.ts'
import { SourcePart } from '../signal/source-part.ts'
import type { StepHost } from './step-host.ts'

/** How long a partition that had nothing is left alone, unless it says so itself: milliseconds. */
const SHORTEST_REST = 1
const LONGEST_REST = 25

/** What a turn at a partition gave. */
export type Turn = readonly unknown[] | typeof EOF | null

/**
 * One source partition being read.
 *
 * R1. `nextBatch` is not called while one is pending, before `nextAwake`, or after the end.
 * R2. The position is taken after a batch has been handed over and before the next is asked for.
 */
export class SourceReader {
  readonly part: SourcePart
  readonly partition: StatelessSourcePartition<unknown>
  /** The position behind what has been handed over, encoded; `null` where there is none to keep. */
  position: Uint8Array | null = null
  /** Whether the position has moved since it was last put into a snapshot. */
  moved = false
  ended = false
  /** When what was handed over last had been asked for, where that was some time ago. */
  askedAt: number | null = null
  #host: StepHost
  #encode: ((state: unknown) => Uint8Array) | null
  #awake: number = Number.NEGATIVE_INFINITY
  #rest = SHORTEST_REST
  /** When a rest of ours began: a wall clock that went back behind it has not made it any longer. */
  #restedAt: number = Number.NEGATIVE_INFINITY
  #pending = false
  #waitsFor: number = Number.NEGATIVE_INFINITY
  #arrived: Polled<unknown> | null = null
  #stale = false
  /** When it was last looked at, by the monotonic clock; NaN where time since does not count. */
  #lookedAt: number = Number.NaN

  constructor(
    name: string,
    partition: StatelessSourcePartition<unknown>,
    ends: { readonly host: StepHost; readonly encode: ((state: unknown) => Uint8Array) | null },
  ) {
    this.part = new SourcePart(ends.host.step.id, name)
    this.partition = partition
    this.#host = ends.host
    this.#encode = 'snapshot' in partition ? ends.encode : null
    this.#nap(true)
  }

  /** Nothing is read before everything up to and including `epoch` is durable. */
  waitFor(epoch: number): void {
    this.#waitsFor = epoch
  }

  committed(epoch: number): void {
    if (epoch > this.#waitsFor) this.#waitsFor = Number.NEGATIVE_INFINITY
  }

  /** Wall-clock time before which there is no point in a turn. */
  get awake(): number {
    if (this.#waitsFor !== Number.NEGATIVE_INFINITY) return Number.POSITIVE_INFINITY
    if (this.ended || this.#pending || this.part.ahead) return Number.POSITIVE_INFINITY
    return this.#arrived === null ? this.#awake : Number.NEGATIVE_INFINITY
  }

  /**
   * Its turn has come. Time in which it could have given items and did not is idle time, but not
   * time that the worker spent on other work: of that, only as long as a rest is counted.
   */
  look(monotonic: number): void {
    if (this.ended || this.part.ahead) {
      this.#lookedAt = Number.NaN
      return
    }
    const since = monotonic - this.#lookedAt
    if (since > 0) this.part.idleFor += Math.min(since, LONGEST_REST)
    this.#lookedAt = monotonic
  }

  /** The worker goes to sleep and would be woken by an item, so all of the time counts. */
  rest(monotonic: number): void {
    if (this.ended || this.part.ahead) return
    this.part.resting = true
    this.#lookedAt = monotonic
  }

  /** The worker is awake. */
  rouse(monotonic: number): void {
    if (!this.part.resting) return
    this.part.resting = false
    this.part.idleFor += Math.max(0, monotonic - this.#lookedAt)
    this.#lookedAt = monotonic
  }

  /** Nobody would have read it: time until its next turn does not count. */
  pass(): void {
    this.part.resting = false
    this.#lookedAt = Number.NaN
  }

  /** One turn: items, the end, or `null` where there is nothing now. */
  poll(now: number): Turn {
    if (now < this.#restedAt) this.#awake = Number.NEGATIVE_INFINITY
    if (this.awake > now) return null
    const arrived = this.#arrived
    if (arrived !== null) {
      this.#arrived = null
      return this.#take(arrived, now)
    }
    this.#keepPosition()
    let polled: Polled<unknown> | Promise<Polled<unknown>>
    try {
      polled = this.partition.nextBatch()
    } catch (error) {
      throw this.#host.outside('nextBatch', this.part.name, error)
    }
    this.askedAt = null
    if (!(polled instanceof Promise)) return this.#take(polled, now)
    this.#await(polled)
    return null
  }

  /** Takes the position now, where it may be asked for. */
  snapshot(): void {
    if (!this.#pending && this.#arrived === null) this.#keepPosition()
  }

  /** The position as an object again, for `onCommit`. */
  get stateful(): StatefulSourcePartition<unknown, unknown> | null {
    return 'snapshot' in this.partition
      ? (this.partition as StatefulSourcePartition<unknown, unknown>)
      : null
  }

  #await(polled: Promise<Polled<unknown>>): void {
    this.#pending = true
    this.askedAt = this.#host.around.spans?.now() ?? null
    polled.then(
      (batch) => {
        this.#pending = false
        this.#arrived = batch
        this.#host.around.wake()
      },
      (error) => {
        this.#pending = false
        this.#host.around.hold(
          Promise.reject(this.#host.outside('nextBatch', this.part.name, error)),
        )
      },
    )
  }

  #take(polled: Polled<unknown>, now: number): Turn {
    this.#stale = true
    if (polled === EOF) {
      this.ended = true
      this.part.ended = true
      this.moved = true
      return EOF
    }
    const items = Array.isArray(polled) ? polled : this.#gather(polled)
    this.#nap(items.length > 0, now)
    if (items.length > 0) this.part.idleFor = 0
    return items.length > 0 ? items : null
  }

  #gather(polled: Iterable<unknown>): unknown[] {
    if (typeof polled !== 'object' || polled === null || !(Symbol.iterator in polled)) {
      throw this.#host.error({
        callback: 'nextBatch',
        part: this.part.name,
        error: new TypeError(`it must give an iterable of items, or EOF; got ${String(polled)}`),
      })
    }
    try {
      return Array.from(polled)
    } catch (error) {
      throw this.#host.outside('nextBatch', this.part.name, error)
    }
  }

  #nap(gave: boolean, now = Number.NEGATIVE_INFINITY): void {
    let next: number | null
    try {
      next = this.partition.nextAwake()
    } catch (error) {
      throw this.#host.outside('nextAwake', this.part.name, error)
    }
    this.#restedAt = Number.NEGATIVE_INFINITY
    if (next !== null) {
      this.#awake = next
    } else if (gave) {
      this.#awake = Number.NEGATIVE_INFINITY
      this.#rest = SHORTEST_REST
    } else {
      this.#restedAt = now
      this.#awake = now + this.#rest
      this.#rest = Math.min(this.#rest * 2, LONGEST_REST)
    }
  }

  #keepPosition(): void {
    if (!this.#stale) return
    this.#stale = false
    if (this.#encode === null) return
    try {
      this.position = this.#encode(
        (this.partition as StatefulSourcePartition<unknown, unknown>).snapshot(),
      )
    } catch (error) {
      throw this.#host.outside('snapshot', this.part.name, error)
    }
    this.moved = true
  }

  /** Takes the position for the first time, before anything has been read. */
  keepFirst(): void {
    this.#stale = true
    this.#keepPosition()
  }
}
