import type { DurationLike } from '../time/time.ts'
import type { DynamicSink } from './sink.ts'

/** An item that a step gave up on, with all that is known of it. */
export interface DeadLetter {
  /** The step that failed, the flow's name first. */
  readonly stepId: string
  /** The name of the callback that failed. */
  readonly callback: string
  readonly item: unknown
  readonly key?: string
  /** The step that read the item, where the step that failed lies before the first exchange. */
  readonly source?: string
  /** Its partition, likewise. */
  readonly part?: string
  /** The input by which the item came, of a step that has several: a join's side, from 0. */
  readonly input?: number
  readonly worker: number
  readonly epoch: number
  /** Wall-clock time of the failure, epoch milliseconds. */
  readonly time: number
  readonly error: unknown
}

/** How often an item that fails is tried. */
export interface RetryPolicy {
  /** Tries in all, the first one included. */
  readonly attempts: number
  /** How long to wait before the second try; doubles with each further one. */
  readonly backoff: DurationLike
}

/** When a step that fails again and again is left alone for a while. */
export interface CircuitPolicy {
  /** Failed tries one after another, of whatever items, that open the circuit. */
  readonly failures: number
  /** The time within which they fall; any unless given. */
  readonly within?: DurationLike
  /** How long the step then rests, and takes nothing, before one try more. */
  readonly coolDown: DurationLike
  /**
   * How often in a row it may open before the run fails.
   * @defaultValue 100
   */
  readonly openings?: number
}

/** Tries an item again; when no try is left it is given to a sink, or the run stops. */
export interface RetryErrors {
  readonly retry: RetryPolicy
  readonly circuit?: CircuitPolicy
  readonly deadLetter?: DynamicSink<DeadLetter>
}

/** What happens to an item on which user code throws. */
export type ErrorPolicy =
  | 'stop'
  | 'skip'
  | RetryErrors
  | { readonly deadLetter: DynamicSink<DeadLetter> }

/** Where items go that a policy gives up on; `null` where it has no such place. */
export const deadLetterSinkOf = (policy: ErrorPolicy): DynamicSink<DeadLetter> | null =>
  typeof policy === 'object' && 'deadLetter' in policy ? (policy.deadLetter ?? null) : null
