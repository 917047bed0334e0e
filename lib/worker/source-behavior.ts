import { Behavior } from '../actor/behavior.ts'
import { type RowCodec, rowCodec } from '../codec/row-codec.ts'
import { BuildError } from '../errors/errors.ts'
import { ownerOfKey } from '../exchange/hash.ts'
import { withoutWatermarks } from '../flow/check.ts'
import type {
  DynamicSource,
  FixedPartitionedSource,
  StatelessSourcePartition,
} from '../flow/source.ts'
import { EOF } from '../flow/source.ts'
import type { SourceSpec, Step } from '../flow/step.ts'
import {
  data,
  end,
  frontier,
  partChange,
  type Signal,
  SNAPSHOT_PORT,
  watermark,
} from '../signal/signal.ts'
import { type DurationLike, durationMillis } from '../time/time.ts'
import { rewindError } from './rewind.ts'
import type { SnapshotWriter } from './snapshot-writer.ts'
import { SourceDiscovery } from './source-discovery.ts'
import { SourceReader, type Turn } from './source-reader.ts'
import type { StepHost } from './step-host.ts'

/** Small batches of a worker's only partition are joined up to this size within a turn. */
const JOINED = 1024
const SMALL = 256
/** The clock is read once in so many polls, and joining ends after so many milliseconds. */
const CLOCK_EVERY = 16
const JOIN_FOR = 2

/** An epoch that nothing waits for. */
const BEFORE_ALL = 0

/** The partitions of one source step that this worker reads, and what is known of all of them. */
export interface SourceParts {
  /** Names for this worker, in order; `null` for a source that every worker reads in its own way. */
  readonly own: readonly string[] | null
  /** Every partition there is, on any worker. */
  readonly all: ReadonlySet<string>
}

/** Positions on their way to being durable. */
interface Pending {
  readonly epoch: number
  readonly reader: SourceReader
  readonly position: Uint8Array
}

/**
 * A source as an actor: it is turned by its worker instead of by a mailbox, which only brings the
 * positions to resume from.
 */
export class SourceBehavior extends Behavior {
  readonly readers: SourceReader[] = []
  readonly #host: StepHost
  readonly #writer: SnapshotWriter | null
  readonly #source: FixedPartitionedSource<unknown, unknown> | DynamicSource<unknown>
  readonly #parts: SourceParts
  readonly #codec: RowCodec<unknown> = rowCodec()
  readonly #positions = new Map<string, Uint8Array>()
  readonly #pending: Pending[] = []
  readonly #report: (message: string) => void
  readonly #refusesRewind: boolean
  readonly #follower: Step | null
  #discovery: SourceDiscovery | null = null
  #epoch = 0
  #watermark: number = Number.NEGATIVE_INFINITY
  #idle = false
  ready = false
  finished = false
  itemsOut = 0
  /** When the turn of the reader that is being polled began, where somebody traces. */
  #polledAt = 0

  constructor(
    spec: SourceSpec,
    ends: {
      readonly host: StepHost
      readonly writer: SnapshotWriter | null
      readonly parts: SourceParts
      /** The flow goes back behind what was committed, perhaps: not with a source that was told. */
      readonly refusesRewind: boolean
      /** What needs watermarks of the partitions, which alone know whether they have any. */
      readonly follower: Step | null
      readonly report: (message: string) => void
    },
  ) {
    super()
    this.#source = spec.source
    this.#host = ends.host
    this.#writer = ends.writer
    this.#parts = ends.parts
    this.#refusesRewind = ends.refusesRewind
    this.#follower = ends.follower
    this.#report = ends.report
  }

  /** Positions from a snapshot. */
  override data(batch: Signal): void {
    const keys = batch.keys as readonly string[]
    keys.forEach((part, at) => {
      this.#positions.set(part, batch.values[at] as Uint8Array)
    })
  }

  /** Every position has come: the partitions are opened, and their positions made durable. */
  override frontier(signal: Signal): void {
    this.#epoch = signal.epoch
    this.#host.around.hold(this.#open(signal))
  }

  override end(): void {}

  /** When to look for new partitions. */
  override nextTime(): number {
    return this.finished
      ? Number.POSITIVE_INFINITY
      : (this.#discovery?.due ?? Number.POSITIVE_INFINITY)
  }

  override onTime(): void {
    const look = this.#discovery?.look((parts) => this.#openFound(parts))
    look?.catch((error: unknown) => this.#host.around.hold(Promise.reject(error)))
  }

  /** One turn at each partition, in order; true if any gave something. */
  turn(now: number, alone: boolean): boolean {
    let gave = false
    const { runtime, spans } = this.#host.around
    const monotonic = runtime.monotonic()
    for (const reader of this.readers) {
      if (reader.ended) continue
      reader.look(monotonic)
      if (spans?.recording === true) this.#polledAt = spans.now()
      const polled = alone ? this.#pollJoined(reader, now) : reader.poll(now)
      if (polled === null) continue
      gave = true
      this.#hand(reader, polled)
    }
    if (gave) this.#passWatermark()
    return gave
  }

  /** The worker sleeps until there is something to read. */
  rest(): void {
    const monotonic = this.#host.around.runtime.monotonic()
    for (const reader of this.readers) reader.rest(monotonic)
  }

  /** The worker woke up. */
  rouse(): void {
    const monotonic = this.#host.around.runtime.monotonic()
    for (const reader of this.readers) reader.rouse(monotonic)
  }

  /** Its turn is left out: nothing may be read now. */
  pass(): void {
    for (const reader of this.readers) reader.pass()
  }

  /** Wall-clock time of the next turn worth taking. */
  get awake(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const reader of this.readers) if (reader.awake < earliest) earliest = reader.awake
    return earliest
  }

  get live(): number {
    let live = 0
    for (const reader of this.readers) if (!reader.ended) live += 1
    return live
  }

  /** Items that wait to be read, by partition, where these know. */
  get lags(): readonly (readonly [part: string, items: number])[] {
    return this.readers.flatMap(({ part, partition }) => {
      const lag = partition.lag?.() ?? null
      return lag === null ? [] : [[part.name, lag] as const]
    })
  }

  /** Whether nothing will come any more. */
  get exhausted(): boolean {
    return this.live === 0 && this.#discovery?.exhausted !== false
  }

  /** Ends the open epoch: positions that moved are owed to it. */
  cut(next: number): void {
    if (this.finished) return
    this.#writePositions()
    this.#epoch = next
    this.send(frontier(next))
    this.send(frontier(next, SNAPSHOT_PORT))
  }

  /** Hands nothing over any more: all input has ended, or the flow is stopped. */
  finish(halted: boolean): void {
    if (this.finished) return
    this.finished = true
    this.#writePositions()
    this.send(end(this.#epoch, halted))
    this.send(end(this.#epoch, halted, SNAPSHOT_PORT))
  }

  /** Everything before `epoch` is durable. */
  override async committed(epoch: number): Promise<void> {
    for (const reader of this.readers) reader.committed(epoch)
    const latest = new Map<SourceReader, Uint8Array>()
    while (this.#pending.length > 0 && (this.#pending[0] as Pending).epoch < epoch) {
      const { reader, position } = this.#pending.shift() as Pending
      latest.set(reader, position)
    }
    for (const [reader, position] of latest) await this.#acknowledge(reader, position)
  }

  override async close(): Promise<void> {
    const closed = await Promise.allSettled(
      this.readers.map((reader) =>
        this.#host.call('close', reader.part.name, () => reader.partition.close()),
      ),
    )
    for (const each of closed) if (each.status === 'rejected') throw each.reason
  }

  async #open(signal: Signal): Promise<void> {
    const first = signal.epoch - 1
    const names = this.#parts.own
    if (names === null) {
      const { worker, workers } = this.#host.around
      const source = this.#source as DynamicSource<unknown>
      const name = String(worker)
      this.#read(
        name,
        await this.#host.open('build', undefined, () =>
          source.build(this.#host.stepId, worker, workers),
        ),
      )
    } else {
      for (const name of names) await this.#openPart(name)
      this.#reportVanished()
      this.#discovery = this.#discover()
    }
    this.#checkWatermarks()
    for (const reader of this.readers) {
      if (reader.position !== null) this.#writer?.bytes(first, reader.part.name, reader.position)
      reader.moved = false
    }
    this.#writer?.flush()
    this.ready = true
    for (const reader of this.readers) this.send(partChange(BEFORE_ALL, reader.part))
    this.send(signal)
    this.#passWatermark()
    this.send(frontier(signal.epoch, SNAPSHOT_PORT))
    this.#host.around.wake()
  }

  #checkWatermarks(): void {
    if (this.#follower === null || this.readers.length === 0) return
    if (this.readers.some(({ partition }) => partition.watermark !== undefined)) return
    throw withoutWatermarks(this.#follower, '')
  }

  async #openPart(name: string): Promise<SourceReader> {
    const source = this.#source as FixedPartitionedSource<unknown, unknown>
    const position = this.#positions.get(name)
    this.#positions.delete(name)
    const resume = position === undefined ? null : this.#codec.decode(position)
    const partition = await this.#host.open('buildPart', name, () =>
      source.buildPart(this.#host.stepId, name, resume),
    )
    const reader = this.#read(name, partition)
    if (this.#refusesRewind && reader.stateful?.onCommit !== undefined) {
      throw rewindError(`the source of step "${this.#host.stepId}"`, this.#epoch)
    }
    reader.keepFirst()
    if (position !== undefined) await this.#acknowledge(reader, position)
    return reader
  }

  #discover(): SourceDiscovery | null {
    const source = this.#source as FixedPartitionedSource<unknown, unknown>
    if (source.discoverEvery === undefined) return null
    const { worker, workers } = this.#host.around
    return new SourceDiscovery(source, {
      host: this.#host,
      every: discoveryMillis(this.#host.stepId, source.discoverEvery),
      known: this.#parts.all,
      mine: (part) => ownerOfKey(part, workers) === worker,
    })
  }

  /** New partitions are read from the epoch on in which their starting positions are durable. */
  async #openFound(parts: readonly string[]): Promise<void> {
    for (const name of parts) {
      const reader = await this.#openPart(name)
      if (this.finished) return
      reader.waitFor(this.#epoch)
      if (reader.position !== null) this.#writer?.bytes(this.#epoch, name, reader.position)
      reader.moved = false
      this.send(partChange(this.#epoch, reader.part))
    }
    this.#checkWatermarks()
    this.#writer?.flush()
    this.readers.sort((a, b) => (a.part.name < b.part.name ? -1 : 1))
  }

  #read(name: string, partition: StatelessSourcePartition<unknown>): SourceReader {
    const keeps = this.#writer !== null || 'onCommit' in partition
    const reader = new SourceReader(name, partition, {
      host: this.#host,
      encode: keeps ? (state) => this.#codec.encode(state) : null,
    })
    this.readers.push(reader)
    return reader
  }

  #reportVanished(): void {
    const gone = [...this.#positions.keys()].filter((name) => !this.#parts.all.has(name))
    if (gone.length === 0) return
    this.#report(
      `Step "${this.#host.stepId}": ${gone.length === 1 ? 'partition' : 'partitions'} ${gone.join(', ')} of the last run can't be found any more; the position is kept, so that it goes on from there when it comes back.`,
    )
  }

  async #acknowledge(reader: SourceReader, position: Uint8Array): Promise<void> {
    const partition = reader.stateful
    if (partition?.onCommit === undefined) return
    const state = this.#codec.decode(position)
    await this.#host.call('onCommit', reader.part.name, () => partition.onCommit?.(state))
  }

  /** Several small batches of the one live partition as one: order and epoch stay. */
  #pollJoined(reader: SourceReader, now: number): Turn {
    const first = reader.poll(now)
    if (first === null || first === EOF || first.length >= SMALL) return first
    const joined = first.slice()
    let polls = 0
    while (joined.length < JOINED && reader.awake <= now) {
      polls += 1
      if (polls % CLOCK_EVERY === 0 && this.#host.around.runtime.now() - now >= JOIN_FOR) break
      let next: Turn
      try {
        next = reader.poll(now)
      } catch (error) {
        this.#hand(reader, joined)
        throw error
      }
      if (next === null) break
      if (next === EOF) {
        this.#hand(reader, joined)
        return EOF
      }
      for (const item of next) joined.push(item)
    }
    return joined
  }

  #hand(reader: SourceReader, polled: Exclude<Turn, null>): void {
    if (polled === EOF) {
      if (this.live === 0) this.#discovery?.owe()
      this.send(partChange(this.#epoch, reader.part))
      return
    }
    this.itemsOut += polled.length
    this.send(data(0, this.#epoch, null, polled, reader.part))
    this.#trace(reader, polled.length)
  }

  #trace({ part, askedAt }: SourceReader, items: number): void {
    if (this.#host.around.spans?.recording !== true) return
    const began = askedAt ?? this.#polledAt
    this.#host.trace({ kind: 'poll', epoch: this.#epoch, began, items, part: part.name })
  }

  #writePositions(): void {
    for (const reader of this.readers) {
      reader.snapshot()
      if (!reader.moved || reader.position === null) continue
      reader.moved = false
      this.#writer?.bytes(this.#epoch, reader.part.name, reader.position)
      this.#pending.push({ epoch: this.#epoch, reader, position: reader.position })
    }
    this.#writer?.flush()
  }

  /**
   * The partitions' own watermarks, where they have them: the least over those still read, infinite
   * where none is.
   */
  #passWatermark(): void {
    let lowest = Number.POSITIVE_INFINITY
    let given = this.#source.givesWatermarks === true || this.#follower !== null
    for (const { partition, ended } of this.readers) {
      if (partition.watermark === undefined) continue
      given = true
      if (!ended) lowest = Math.min(lowest, partition.watermark())
    }
    if (!given) return
    const idle = lowest === Number.POSITIVE_INFINITY
    if (idle && this.#idle) return
    if (!idle && !this.#idle && !(lowest > this.#watermark)) return
    this.#idle = idle
    if (!idle) this.#watermark = Math.max(this.#watermark, lowest)
    this.send(watermark(this.#epoch, idle ? lowest : this.#watermark))
  }
}

const discoveryMillis = (stepId: string, every: DurationLike): number => {
  const millis = durationMillis(every)
  if (millis > 0) return millis
  throw new BuildError(`Step "${stepId}": discoverEvery must be a duration above 0.`)
}
