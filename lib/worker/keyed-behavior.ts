import { Behavior } from '../actor/behavior.ts'
import { LOAD_INPUT } from '../actor/inbox.ts'
import { hasWatermarks } from '../flow/check.ts'
import type { KeyedSpec } from '../flow/step.ts'
import type { Block } from '../recovery/block.ts'
import { data, end, frontier, type Signal, SNAPSHOT_PORT } from '../signal/signal.ts'
import type { Failure, Processor, ProcessorContext } from '../state/processor.ts'
import { HotKeys } from './hot-keys.ts'
import { type Attempts, Retries } from './retries.ts'
import { KeyRows, keyOfRow, WATERMARK_ROW } from './row-key.ts'
import type { SnapshotWriter } from './snapshot-writer.ts'
import type { StepHost } from './step-host.ts'

/** Rows encoded between two turns, so that a snapshot never keeps items waiting for long. */
const ROWS_A_TURN = 512

/**
 * A keyed step as an actor.
 *
 * K1. Every change within epoch e is owed as a row of e; the snapshot frontier passes e only when
 *     all its rows have been sent. The data frontier does not wait for them.
 * K2. Nothing is processed before every snapshot of the step has been loaded.
 */
export class KeyedBehavior extends Behavior {
  readonly #host: StepHost
  readonly #processor: Processor
  readonly hotKeys: HotKeys = new HotKeys()
  readonly #writer: SnapshotWriter | null
  readonly #input: () => number
  readonly #first: number
  readonly #wanted: (port: number) => boolean
  /** Of state that every worker keeps, one writes the rows. */
  readonly #records: boolean
  #loaded = false
  #watermark: number = Number.NEGATIVE_INFINITY
  #watermarkOwed = false
  /** A frontier, or the end, that follows the owed rows. */
  #owedFrontier: Signal | null = null
  #ended = false
  #passed = 0
  #retries: Retries | null = null
  /** What became of the item that is being tried; `null` while none is. */
  #trial: { failure: Failure | null } | null = null

  constructor(
    spec: KeyedSpec,
    ends: {
      readonly host: StepHost
      readonly writer: SnapshotWriter | null
      /** The first epoch of the execution. */
      readonly first: number
      /** The input the current signal came by. */
      readonly input: () => number
      /** Whether anybody takes what leaves by an output. */
      readonly wanted: (port: number) => boolean
    },
  ) {
    super()
    this.#host = ends.host
    this.#writer = ends.writer
    this.#input = ends.input
    this.#first = ends.first
    this.#wanted = ends.wanted
    this.#records = spec.replicated !== true || ends.host.around.worker === 0
    this.#processor = spec.open(this.#context())
    const { tries } = ends.host
    if (spec.retryable && tries !== null) this.#retries = new Retries(ends.host, tries)
  }

  get processor(): Processor {
    return this.#processor
  }

  /** What its state takes in the store, by the mean of the rows packed so far; `null` before any. */
  get stateBytes(): number | null {
    const writer = this.#writer
    if (writer === null || writer.rows === 0) return null
    return Math.round((this.#processor.table.size * writer.packedBytes) / writer.rows)
  }

  override data(batch: Signal): void {
    const input = this.#input()
    if (input === LOAD_INPUT) {
      this.#load(batch)
      return
    }
    if (batch.keys !== null) this.hotKeys.note(batch.keys)
    if (this.#retries === null) {
      this.#processor.onBatch(batch.keys as readonly string[], batch.values, input)
    } else {
      this.#retries.run(this.#attempts(batch, input))
    }
  }

  override close(): void {
    this.#retries?.close()
  }

  override part(): void {}

  override watermark(signal: Signal): void {
    const { time } = signal
    // An infinite one says that nobody upstream has a say: it moves no time, and is never stored.
    if (time > this.#watermark && time !== Number.POSITIVE_INFINITY) {
      this.#watermark = time
      this.#watermarkOwed = true
      this.#processor.onWatermark?.(time)
    }
    this.send(signal)
  }

  override frontier(signal: Signal): void {
    if (!this.#loaded) this.#begin()
    else this.#closeEpoch(signal.epoch)
    this.send(signal)
    this.#owe(frontier(signal.epoch, SNAPSHOT_PORT))
  }

  override end(signal: Signal): void {
    if (!this.#loaded) this.#begin()
    if (!signal.halted) this.#processor.onEnd?.()
    this.#ended = true
    this.send(signal)
    this.#closeEpoch(signal.time + 1)
    this.#owe(end(signal.time, signal.halted, SNAPSHOT_PORT))
  }

  override nextTime(): number {
    if (this.#owedFrontier !== null) return Number.NEGATIVE_INFINITY
    if (this.#ended || !this.#loaded) return Number.POSITIVE_INFINITY
    return this.#processor.nextTimer?.() ?? Number.POSITIVE_INFINITY
  }

  override onTime(now: number): void {
    if (this.#owedFrontier !== null) this.#settle(ROWS_A_TURN)
    const due = this.#processor.nextTimer?.() ?? Number.POSITIVE_INFINITY
    if (!this.#ended && this.#loaded && due <= now) this.#processor.onTimer?.(now)
  }

  query(key: string): unknown {
    if (this.#processor.query !== undefined) return this.#processor.query(key)
    return this.#processor.table.peek(key)
  }

  #begin(): void {
    this.#loaded = true
    if (this.#writer !== null && this.#records)
      this.#processor.table.record(this.#first, new KeyRows(this.#writer))
    this.#processor.onLoaded?.()
    if (this.#watermark > Number.NEGATIVE_INFINITY) this.#processor.onWatermark?.(this.#watermark)
  }

  /** Takes rows up without their way through the mailbox, which must have none of them. */
  take(block: Block): void {
    this.#writer?.read(block, (row, state) => this.#takeUp(row, state))
  }

  #load(batch: Signal): void {
    const rows = batch.keys as readonly string[]
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at] as string
      this.#takeUp(row, this.#writer?.decodeRow(row, batch.values[at] as Uint8Array))
    }
  }

  #takeUp(row: string, state: unknown): void {
    if (row === WATERMARK_ROW) this.#watermark = Math.max(this.#watermark, state as number)
    else this.#processor.table.load(keyOfRow(row), state)
  }

  #closeEpoch(next: number): void {
    const { table } = this.#processor
    if (this.#watermarkOwed && this.#host.around.worker === 0) {
      this.#writer?.row(table.epoch, WATERMARK_ROW, this.#watermark)
    }
    this.#watermarkOwed = false
    table.closeEpoch(next)
  }

  #owe(progress: Signal): void {
    this.#owedFrontier = progress
    this.#settle(ROWS_A_TURN)
  }

  #settle(limit: number): void {
    const { table } = this.#processor
    const settled = table.settle(limit)
    if (!settled) {
      this.#passUpTo(table.owes)
      this.#host.around.wake()
      return
    }
    const progress = this.#owedFrontier as Signal
    this.#owedFrontier = null
    this.#writer?.flush()
    this.send(progress)
  }

  /** Lets the recorders know of the epochs that are whole, while later ones still owe rows. */
  #passUpTo(epoch: number): void {
    if (epoch <= this.#passed) return
    this.#passed = epoch
    this.#writer?.flush()
    this.send(frontier(epoch, SNAPSHOT_PORT))
  }

  #context(): ProcessorContext {
    const { around, stepId } = this.#host
    return {
      stepId,
      worker: around.worker,
      workers: around.workers,
      runtime: around.runtime,
      watermarked: hasWatermarks(this.#host.step),
      wanted: this.#wanted,
      emit: (port, keys, values) => {
        if (values.length > 0) this.send(data(port, around.openEpoch(), keys, values))
      },
      fail: (failure) => this.#fail(failure),
    }
  }

  /** A failed callback of state and value has left the old state, so the item can be tried again. */
  #attempts(batch: Signal, input: number): Attempts {
    const { keys, values } = batch
    return {
      count: values.length,
      attempt: (at) => {
        const trial: { failure: Failure | null } = { failure: null }
        this.#trial = trial
        try {
          // A side input has items without keys.
          const key = (keys === null ? null : [keys[at]]) as readonly string[]
          this.#processor.onBatch(key, [values[at]], input)
        } finally {
          this.#trial = null
        }
        return trial.failure
      },
      pause: () => {},
    }
  }

  #fail(failure: Failure): void {
    const located =
      this.#host.step.ups.length > 1 && 'item' in failure
        ? { ...failure, input: this.#input() }
        : failure
    if (this.#trial === null) this.#host.fail(located)
    else this.#trial.failure = located
  }
}
