import type { RowFormat } from '../codec/row-codec.ts'
import type { Processor, ProcessorContext } from '../state/processor.ts'
import type { TaskContext, TaskProcessor } from '../state/task.ts'
import type { DurationLike } from '../time/time.ts'
import type { ErrorPolicy } from './policy.ts'
import type {
  DynamicSink,
  FixedPartitionedSink,
  TransactionalSink,
  WriteAheadSink,
} from './sink.ts'
import type { Source } from './source.ts'

/**
 * The few primitive steps that carry everything. Each operator is one expression over them, so
 * progress, snapshots, errors and metrics are handled once, in the engine.
 */

/** Code per item that keeps nothing; neighbours are fused into one loop. */
export type StatelessOp =
  | 'map'
  | 'filter'
  | 'filterMap'
  | 'flatMap'
  | 'flatMapBatch'
  | 'inspect'
  | 'inspectDebug'
  | 'keyOn'
  | 'keyed'
  | 'keyRm'
  | 'mapValue'
  | 'filterValue'
  | 'filterMapValue'
  | 'flatMapValue'

// biome-ignore lint/suspicious/noExplicitAny: the graph is where types end; `Stream` has checked them.
export type Callback = (...args: any[]) => unknown

export interface SourceSpec {
  readonly kind: 'source'
  readonly source: Source<unknown>
}

export interface StatelessSpec {
  readonly kind: 'stateless'
  readonly op: StatelessOp
  /** The user's function. */
  readonly callback: Callback
  /** What the user knows it as: `mapper`, `predicate`. */
  readonly role: string
}

/** Two outputs: items for which the predicate holds, and the rest. */
export interface BranchSpec {
  readonly kind: 'branch'
  readonly callback: Callback
}

interface MergeSpec {
  readonly kind: 'merge'
}

/** Moves items to any one worker in turn, or to all of them. */
interface RouteSpec {
  readonly kind: 'route'
  readonly to: 'any' | 'all'
}

/** Keyed state: items reach the worker that owns their key. */
export interface KeyedSpec {
  readonly kind: 'keyed'
  /** How the items of each input arrive, where not at the owner of their key. */
  readonly arrivals?: readonly ('owner' | 'local' | 'all')[]
  /** Every worker keeps the state of all keys: one writes their rows, all of them resume. */
  readonly replicated?: boolean
  readonly outputs: number
  /** Whether one user callback per item is all that can fail, so that it can be tried again. */
  readonly retryable: boolean
  /** Whether it reads the watermarks of the stream, so that some must be made upstream. */
  readonly needsWatermarks?: boolean
  readonly open: (context: ProcessorContext) => Processor
  readonly options?: StateOptions
}

/** What is asked of keyed state beside its logic. */
export interface StateOptions<S = unknown> extends RowFormat<S> {
  /** A key that no item has reached for this long is forgotten. */
  readonly ttl?: DurationLike
}

/** A step whose results may come later than the items that caused them. */
export interface TaskSpec {
  readonly kind: 'task'
  readonly open: (context: TaskContext) => TaskProcessor
  /** Milliseconds an item may take; absent where none is set. */
  readonly timeout?: number
  /** Whether the output keeps keys (no built-in one does). */
  readonly keeps: 'nothing' | 'key'
}

/** Makes watermarks out of the items that pass, one per source partition. */
export interface WatermarksSpec {
  readonly kind: 'watermarks'
  readonly timestamp: Callback
  readonly outOfOrderness: number
  /** Milliseconds without an item after which a partition no longer holds the watermark back. */
  readonly idleAfter: number
  /** How far a partition may run ahead of the slowest before it is left alone, milliseconds. */
  readonly maxDrift: number
}

export interface SinkSpec {
  readonly kind: 'sink'
  readonly sink:
    | DynamicSink<never>
    | FixedPartitionedSink<never, never>
    | TransactionalSink<never, never>
    | WriteAheadSink<never, never>
}

/** A sink of its own that accepts no item at all. */
interface RaisesSpec {
  readonly kind: 'raises'
}

export type StepSpec =
  | SourceSpec
  | StatelessSpec
  | BranchSpec
  | MergeSpec
  | RouteSpec
  | KeyedSpec
  | TaskSpec
  | WatermarksSpec
  | SinkSpec
  | RaisesSpec

/** One output of a step: where a stream comes from. */
export interface Origin {
  readonly step: Step
  readonly port: number
  readonly keyed: boolean
}

/** An operator placed in a flow under an id of its own. */
export interface Step {
  /** As written in the flow, with the scopes around it: `outer.inner`. */
  readonly id: string
  /** The operator's name, for people: `countFinal`. */
  readonly operator: string
  readonly spec: StepSpec
  readonly ups: readonly Origin[]
  readonly policy: ErrorPolicy | undefined
  /** The step's place in the order in which the flow was built. */
  readonly index: number
}
