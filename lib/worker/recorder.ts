import { Behavior } from '../actor/behavior.ts'
import { type DurationCounts, Durations } from '../actor/durations.ts'
import type { ArchiveFacts } from '../recovery/archive.ts'
import type { Block } from '../recovery/block.ts'
import type { RecoveryPartition } from '../recovery/store.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { end, frontier, type Signal } from '../signal/signal.ts'
import type { AddressedBlock } from './snapshot-writer.ts'
import type { Spans } from './spans.ts'

/** How long to wait after a failed write before the next: milliseconds, doubling up to the second. */
const SHORTEST_PAUSE = 100
const LONGEST_PAUSE = 10_000

/** What a recorder has done; plain data. */
export interface RecorderFacts {
  /** How long writes took that succeeded. */
  readonly writes: DurationCounts
  readonly failures: number
  /** Bytes and rows of the snapshots that reached it, by step. */
  readonly taken: readonly (readonly [step: string, bytes: number, rows: number])[]
  /** Blocks that wait to be written. */
  readonly waiting: number
  /** How far the archive is behind, over all partitions; `null` where there is none. */
  readonly archive: ArchiveFacts | null
  /** Recovery partitions it writes; without recovery there are none. */
  readonly partitions: number
}

/**
 * Writes the snapshots of all steps, on all workers, that belong to this worker's recovery
 * partitions.
 *
 * S1. A frontier goes on to the committers only when every row before it is durable, in each of
 *     the partitions.
 * S2. One write at a time; epochs that close meanwhile are written together.
 * S3. A failed write is an alarm, not a failure: its rows go into the next one.
 */
export class Recorder extends Behavior {
  readonly #partitions: readonly RecoveryPartition[]
  readonly #numbers: readonly number[]
  readonly #runtime: Runtime
  readonly #spans: Spans | null
  readonly #alarm: (message: string, error: unknown) => void
  readonly #waiting: Map<number, Block[]>
  /** The frontier that may be written, and the end behind it. */
  #reached = 0
  #durable = 0
  #end: Signal | null = null
  #writing: Promise<void> | null = null
  #pause = SHORTEST_PAUSE
  /** Ends the pause after a failed write. */
  #goOn: (() => void) | null = null
  #closed = false
  readonly #writes = new Durations()
  #failures = 0
  readonly #taken = new Map<string, { bytes: number; rows: number }>()

  constructor(ends: {
    readonly partitions: readonly RecoveryPartition[]
    /** The partitions' numbers among those of all workers. */
    readonly numbers: readonly number[]
    readonly runtime: Runtime
    readonly alarm: (message: string, error: unknown) => void
    readonly spans: Spans | null
  }) {
    super()
    this.#partitions = ends.partitions
    this.#runtime = ends.runtime
    this.#alarm = ends.alarm
    this.#spans = ends.spans
    this.#numbers = ends.numbers
    this.#waiting = new Map(ends.numbers.map((number) => [number, []]))
  }

  override data(batch: Signal): void {
    for (const { partition, block } of batch.values as readonly AddressedBlock[]) {
      this.#waiting.get(partition)?.push(block)
      this.#note(block)
    }
  }

  get facts(): RecorderFacts {
    return {
      writes: this.#writes.counted,
      failures: this.#failures,
      taken: [...this.#taken].map(([step, { bytes, rows }]) => [step, bytes, rows]),
      waiting: this.#waitingBlocks,
      archive: this.#archive,
      partitions: this.#partitions.length,
    }
  }

  get #waitingBlocks(): number {
    let waiting = 0
    for (const blocks of this.#waiting.values()) waiting += blocks.length
    return waiting
  }

  get #archive(): ArchiveFacts | null {
    const all = this.#partitions.flatMap(({ archive }) => (archive === undefined ? [] : [archive]))
    if (all.length === 0) return null
    const sum = (read: (facts: ArchiveFacts) => number): number =>
      all.reduce((total, facts) => total + read(facts), 0)
    return {
      lagEpochs: Math.max(...all.map(({ lagEpochs }) => lagEpochs)),
      lagBytes: sum(({ lagBytes }) => lagBytes),
      lagMillis: Math.max(...all.map(({ lagMillis }) => lagMillis)),
      failures: sum(({ failures }) => failures),
      dropped: sum(({ dropped }) => dropped),
      sent: sum(({ sent }) => sent),
    }
  }

  #note({ stepId, bytes, rows }: Block): void {
    const taken = this.#taken.get(stepId) ?? { bytes: 0, rows: 0 }
    this.#taken.set(stepId, taken)
    taken.bytes += bytes.length
    taken.rows += rows
  }

  override frontier(signal: Signal): void {
    this.#reached = signal.epoch
    this.#write()
  }

  override end(signal: Signal): void {
    this.#end = signal
    this.#reached = signal.time + 1
    this.#write()
  }

  /** No write is left under way behind a closed store. */
  override async close(): Promise<void> {
    this.#closed = true
    this.#goOn?.()
    await this.#writing
  }

  #write(): void {
    if (this.#writing !== null || this.#closed) return
    if (this.#durable >= this.#reached && this.#end === null) return
    const epoch = this.#reached
    if (this.#partitions.length === 0) {
      this.#pass(epoch)
      return
    }
    const began = this.#runtime.monotonic()
    const blocks = this.#waitingBlocks
    this.#writing = this.#append(epoch).then(
      () => {
        this.#writes.add(this.#runtime.monotonic() - began)
        this.#spans?.snapshot(epoch, { began, blocks, failure: null })
        this.#writing = null
        this.#pause = SHORTEST_PAUSE
        this.#pass(epoch)
        this.#write()
      },
      (error) => {
        this.#failures += 1
        this.#spans?.snapshot(epoch, { began, blocks, failure: { error } })
        this.#alarm(
          `a snapshot could not be written; it is tried again in ${this.#pause} ms`,
          error,
        )
        return this.#rest().then(() => {
          this.#writing = null
          this.#write()
        })
      },
    )
  }

  /** Waits before the next try; not once the worker is closed. */
  #rest(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise<void>((resolve) => {
      const timer = this.#runtime.after(this.#pause, resolve)
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE)
      this.#goOn = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  async #append(epoch: number): Promise<void> {
    const written = await Promise.allSettled(
      this.#partitions.map(async (partition, at) => {
        const number = this.#numbers[at] as number
        const waiting = this.#waiting.get(number) as Block[]
        const blocks = waiting.filter((block) => block.epoch < epoch)
        await partition.append(epoch, blocks)
        const done = new Set(blocks)
        this.#waiting.set(
          number,
          (this.#waiting.get(number) as Block[]).filter((block) => !done.has(block)),
        )
      }),
    )
    for (const each of written) if (each.status === 'rejected') throw each.reason
  }

  #pass(epoch: number): void {
    const ended = this.#end
    if (epoch > this.#durable) {
      this.#durable = epoch
      this.send(frontier(epoch))
    }
    if (ended !== null && epoch === ended.time + 1) {
      this.#end = null
      this.send(end(ended.time, ended.halted))
    }
  }
}
