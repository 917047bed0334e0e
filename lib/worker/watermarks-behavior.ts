import { Behavior } from '../actor/behavior.ts'
import { LOAD_INPUT } from '../actor/inbox.ts'
import type { WatermarksSpec } from '../flow/step.ts'
import { data, end, frontier, type Signal, SNAPSHOT_PORT, watermark } from '../signal/signal.ts'
import type { SourcePart } from '../signal/source-part.ts'
import { type LatestTime, type Look, latestTime } from './latest-time.ts'
import type { SnapshotWriter } from './snapshot-writer.ts'
import type { StepHost } from './step-host.ts'

/** The row that keeps how far a partition has come. */
const timeRow = (sourceId: string, part: string): string => `${sourceId}\u0000${part}`

/** The source step and the partition that a row is about. */
export const readTimeRow = (row: string): readonly [sourceId: string, part: string] => {
  const at = row.indexOf('\u0000')
  return [row.slice(0, at), row.slice(at + 1)]
}

/** How far a source partition is that has a say in the watermark; plain data. */
export interface PartNow {
  readonly source: string
  readonly part: string
  /** Epoch milliseconds; `null` before its first item. */
  readonly watermark: number | null
  /** When that last moved, wall-clock time; `null` where it has not in this run. */
  readonly movedAt: number | null
  /** Milliseconds in which it could have given items since it last gave one. */
  readonly idleFor: number
  /** Whether it is left alone, since others are too far behind it. */
  readonly ahead: boolean
}

/** Of those that are furthest behind, so many are told of. */
const MOST_PARTS = 16

/** How far one partition has come. */
interface PartTime {
  readonly part: SourcePart
  /** The latest time of its items. */
  latest: number
  /** Whether that has changed in the open epoch. */
  moved: boolean
  /** When that was last, wall-clock time; `null` before this run's first item. */
  movedAt: number | null
  /** Ways by which it reaches this step that have not ended. */
  ways: number
}

/**
 * Makes watermarks out of the items that pass.
 *
 * M1. The watermark of a partition is the latest time of its items, less `outOfOrderness`; that of
 *     the worker is the least over the partitions it reads that are neither idle nor at their end.
 * M2. It is sent behind the batch that moved it, at most once a batch, and never moves back. Where no
 *     partition has a say it is infinite: this worker holds nobody back.
 * M3. Per-partition times are state and follow the partition; an infinite watermark is never kept.
 */
export class WatermarksBehavior extends Behavior {
  readonly #spec: WatermarksSpec
  readonly #host: StepHost
  readonly #writer: SnapshotWriter | null
  readonly #input: () => number
  readonly #latestTime: LatestTime
  readonly #stored = new Map<string, number>()
  readonly #times = new Map<SourcePart, PartTime>()
  readonly #look: Look = { at: 0, latest: Number.NEGATIVE_INFINITY }
  /** The highest that was ever sent, and what was sent last, which is infinite while none counts. */
  #highest: number = Number.NEGATIVE_INFINITY
  #sent: number = Number.NEGATIVE_INFINITY
  #epoch = 0
  #ended = false

  constructor(
    spec: WatermarksSpec,
    ends: {
      readonly host: StepHost
      readonly writer: SnapshotWriter | null
      /** The input the current signal came by. */
      readonly input: () => number
    },
  ) {
    super()
    this.#spec = spec
    this.#host = ends.host
    this.#writer = ends.writer
    this.#input = ends.input
    this.#latestTime = latestTime(spec.timestamp, ends.host.stepId)
  }

  override data(batch: Signal): void {
    if (this.#input() === LOAD_INPUT) {
      this.#load(batch)
      return
    }
    const time = this.#timeOf(batch.part as SourcePart)
    const look = this.#look
    look.at = 0
    look.latest = time.latest
    this.#pass(batch, this.#lookThrough(batch))
    if (look.latest > time.latest) {
      time.latest = look.latest
      time.moved = true
      time.movedAt = this.#host.around.runtime.now()
    }
    this.#advance()
  }

  /** All partitions there are at the beginning have been told before the first frontier. */
  override part(signal: Signal): void {
    const time = this.#timeOf(signal.part as SourcePart)
    time.ways += signal.time === 0 ? 1 : -1
    this.send(signal)
    if (this.#epoch > 0) this.#advance()
  }

  /** What others say upstream is replaced by what the items say here. */
  override watermark(): void {}

  override frontier(signal: Signal): void {
    const begins = this.#epoch === 0
    if (begins) this.#begin()
    else this.#record()
    this.#epoch = signal.epoch
    this.send(signal)
    this.send(frontier(signal.epoch, SNAPSHOT_PORT))
    if (begins) this.#advance()
  }

  override end(signal: Signal): void {
    this.#record()
    this.#ended = true
    this.send(signal)
    this.send(end(signal.time, signal.halted, SNAPSHOT_PORT))
  }

  /** When the next partition becomes idle. */
  override nextTime(): number {
    const { idleAfter } = this.#spec
    if (idleAfter === Number.POSITIVE_INFINITY || this.#ended || this.#epoch === 0) {
      return Number.POSITIVE_INFINITY
    }
    if (this.#moves(this.#lowest())) return Number.NEGATIVE_INFINITY
    let left = Number.POSITIVE_INFINITY
    for (const time of this.#times.values()) {
      if (time.part.resting && this.#counts(time)) {
        left = Math.min(left, idleAfter - time.part.idleFor)
      }
    }
    return this.#host.around.runtime.now() + Math.ceil(left)
  }

  override onTime(): void {
    this.#advance()
  }

  /** How far the partitions are that have a say, the furthest behind first. */
  get parts(): readonly PartNow[] {
    const { outOfOrderness } = this.#spec
    return [...this.#times.values()]
      .filter((time) => this.#counts(time))
      .map(({ part, latest, movedAt }) => ({
        source: part.stepId,
        part: part.name,
        watermark: Number.isFinite(latest) ? latest - outOfOrderness : null,
        movedAt,
        idleFor: part.idleFor,
        ahead: part.ahead,
      }))
      .sort(
        (a, b) =>
          (a.watermark ?? Number.NEGATIVE_INFINITY) - (b.watermark ?? Number.NEGATIVE_INFINITY),
      )
      .slice(0, MOST_PARTS)
  }

  #load(batch: Signal): void {
    batch.keys?.forEach((row, at) => {
      this.#stored.set(row, this.#writer?.decode(batch.values[at] as Uint8Array) as number)
    })
  }

  /** Everything stored has come. */
  #begin(): void {
    for (const time of this.#times.values()) time.latest = this.#storedOf(time.part)
  }

  #timeOf(part: SourcePart): PartTime {
    let time = this.#times.get(part)
    if (time === undefined) {
      time = { part, latest: this.#storedOf(part), moved: false, movedAt: null, ways: 0 }
      this.#times.set(part, time)
    }
    return time
  }

  #storedOf({ stepId, name }: SourcePart): number {
    return this.#stored.get(timeRow(stepId, name)) ?? Number.NEGATIVE_INFINITY
  }

  /** Looks through the batch; the places of items that are to be passed over, mostly none. */
  #lookThrough({ keys, values, part }: Signal): readonly number[] {
    let skipped: number[] = NONE
    for (;;) {
      try {
        this.#latestTime(keys, values, this.#look)
        return skipped
      } catch (error) {
        const { at } = this.#look
        this.#host.fail({
          callback: 'timestamp',
          error,
          item: values[at],
          ...(keys === null ? {} : { key: keys[at] as string }),
          ...(part === null ? {} : { source: part.stepId, part: part.name }),
        })
        skipped = [...skipped, at]
        this.#look.at = at + 1
      }
    }
  }

  #pass(batch: Signal, skipped: readonly number[]): void {
    const { epoch, keys, values, part, port } = batch
    if (skipped.length === 0) {
      this.send(port === 0 ? batch : data(0, epoch, keys, values, part))
      return
    }
    const kept = <T>(items: readonly T[]): T[] => items.filter((_, at) => !skipped.includes(at))
    if (skipped.length < values.length) {
      this.send(data(0, epoch, keys === null ? null : kept(keys), kept(values), part))
    }
  }

  #advance(): void {
    this.#holdBack()
    const lowest = this.#lowest()
    if (!this.#moves(lowest)) return
    if (lowest !== Number.POSITIVE_INFINITY) this.#highest = Math.max(this.#highest, lowest)
    this.#sent = lowest === Number.POSITIVE_INFINITY ? lowest : this.#highest
    this.send(watermark(this.#host.around.openEpoch(), this.#sent))
  }

  /** Whether there is something new to say: time moved on, all fell idle, or one woke up. */
  #moves(lowest: number): boolean {
    if (lowest === Number.POSITIVE_INFINITY) return this.#sent !== lowest
    if (this.#sent === Number.POSITIVE_INFINITY) return true
    return lowest > this.#sent
  }

  #lowest(): number {
    const { outOfOrderness } = this.#spec
    let lowest = Number.POSITIVE_INFINITY
    for (const time of this.#times.values()) {
      if (!this.#counts(time)) continue
      const own = time.latest - outOfOrderness
      if (own < lowest) lowest = own
    }
    return lowest
  }

  #counts({ part, ways }: PartTime): boolean {
    return ways > 0 && part.idleFor < this.#spec.idleAfter
  }

  /** Leaves partitions alone that are too far ahead of the slowest; the slowest is always read. */
  #holdBack(): void {
    const { maxDrift } = this.#spec
    if (maxDrift === Number.POSITIVE_INFINITY) return
    let slowest = Number.POSITIVE_INFINITY
    for (const time of this.#times.values()) {
      // Of one that has given nothing yet, no time is known.
      if (!this.#counts(time) || time.latest === Number.NEGATIVE_INFINITY) continue
      if (time.latest < slowest) slowest = time.latest
    }
    let released = false
    for (const { part, latest } of this.#times.values()) {
      const ahead = latest - slowest > maxDrift
      if (part.ahead && !ahead) released = true
      part.ahead = ahead
    }
    if (released) this.#host.around.wake()
  }

  #record(): void {
    for (const time of this.#times.values()) {
      if (!time.moved) continue
      time.moved = false
      this.#writer?.row(this.#epoch, timeRow(time.part.stepId, time.part.name), time.latest)
    }
    this.#writer?.flush()
  }
}

const NONE: number[] = []
