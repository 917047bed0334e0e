import type { DurationLike } from '../time/time.ts'
import type { DynamicSink } from './sink.ts'

/** An item that a step gave up on, with all that is known of it. */
export interface DeadLetter {
  readonly stepId: string
  /** The name of the callback that failed. */
  readonly callback: string
  readonly item: unknown
  readonly key?: string
  /** The source partition, where the step lies before the first exchange. */
  readonly part?: string
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

/** What happens to an item on which user code throws. */
export type ErrorPolicy =
  | 'stop'
  | 'skip'
  | { readonly retry: RetryPolicy }
  | { readonly deadLetter: DynamicSink<DeadLetter> }
