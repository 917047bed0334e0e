import type { Runtime } from '../runtime/runtime.ts'
import type { Signal } from '../signal/signal.ts'
import type { Circuit } from './circuit.ts'
import type { Failure } from './processor.ts'

/** How often an item is tried in all, and how long to wait before the second try: milliseconds. */
export interface Tries {
  readonly attempts: number
  /** Doubles with each further try. */
  readonly backoff: number
}

/** What the engine gives to a step whose results come later than their items. */
export interface TaskContext {
  readonly stepId: string
  readonly worker: number
  readonly workers: number
  readonly runtime: Runtime
  /** How often a failed item is to be tried, where the step's error policy says so. */
  readonly retry: Tries | null
  /** What keeps calls back while all of them fail, where the policy asks for it. */
  readonly circuit: Circuit | null
  /** Hands over a batch in the epoch of the items that caused it. */
  emit(epoch: number, values: readonly unknown[], keys?: readonly string[] | null): void
  /** Lets a progress signal go on: everything before it has been emitted. */
  pass(signal: Signal): void
  /** There is room again for a batch: asks the engine to look at `full` once more. */
  wake(): void
  /** Applies the step's error policy; returns when the item is to be passed over. */
  fail(failure: Failure): void
  /** Ends the run with an error that was raised outside of any call by the engine. */
  crash(error: unknown): void
}

/**
 * A step at work that owes results: `mapAsync`, `rx`.
 *
 * It sees batches and progress in order, and passes a frontier or a watermark on only when every
 * result of the items before it has been emitted.
 */
export interface TaskProcessor {
  /** Whether to keep further signals back until there is room. */
  readonly full: boolean
  /** Items as user code sees them: pairs, where the stream is keyed. */
  onBatch(epoch: number, items: readonly unknown[]): void
  /** A watermark, a frontier or the end; to be passed on in its turn. */
  onProgress(signal: Signal): void
  close(): void
}
