import type { Runtime } from '../runtime/runtime.ts'
import type { StateTable } from './state-table.ts'

/** What user code was doing when it threw, for the error and for the policy. */
export interface Failure {
  /** The callback's name as the user knows it: `folder`, `StatefulLogic.onItem`. */
  readonly callback: string
  readonly error: unknown
  readonly key?: string
  /** The source's step and partition, where they are known. */
  readonly source?: string
  readonly part?: string
  /** The input by which the item came, of a step that has several. */
  readonly input?: number
  /** Absent where no single item is at fault. */
  readonly item?: unknown
  /** The item's epoch, where it may be older than the one that is open. */
  readonly epoch?: number
  /** Ends the run, whatever the policy. */
  readonly final?: boolean
}

/** What the engine gives to one keyed step on one worker. */
export interface ProcessorContext {
  readonly stepId: string
  readonly worker: number
  readonly workers: number
  readonly runtime: Runtime
  /** Whether watermarks are made upstream, so that event time passes here. */
  readonly watermarked: boolean
  /** Whether anybody takes what leaves by an output; what nobody wants need not be made. */
  wanted(port: number): boolean
  /** Hands a batch to an output; the arrays belong to the engine from then on. */
  emit(port: number, keys: readonly string[] | null, values: readonly unknown[]): void
  /** Applies the step's error policy; returns when the item is to be passed over. */
  fail(failure: Failure): void
}

/**
 * A keyed step at work on one worker. The engine calls it with batches, progress and time, takes
 * snapshots out of its table, and puts what it emits on the edges.
 */
export interface Processor {
  /** What is kept, by key: read by snapshots, loads and queries. */
  readonly table: StateTable
  /** Values that came too late for where they belonged; only where time decides. */
  readonly lateItems?: number | undefined
  /** Items in arrival order; `input` is the side they came in by. */
  onBatch(keys: readonly string[], values: readonly unknown[], input: number): void
  /** The stream's watermark has moved on to `time`. */
  onWatermark?(time: number): void
  /** Wall-clock time of the earliest notification that is due, or infinity. */
  nextTimer?(): number
  /** Wall-clock time has reached a notification. */
  onTimer?(now: number): void
  /** All input has ended. */
  onEnd?(): void
  /** Called once when all snapshots have been loaded. */
  onLoaded?(): void
  /** Forgets a key and all that is kept beside the table for it; by default the table's own. */
  forget?(key: string): void
  /** What a query is answered with; the snapshot of the entry where this is not given. */
  query?(key: string): unknown
}
