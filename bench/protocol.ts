import type { Pace, Sample } from './workload.ts'

/** What a child process is told. */
export interface Order {
  readonly workload: string
  readonly variant: string
  readonly pace: Pace
}

/** What it says. */
export type Answer =
  | { readonly kind: 'sample'; readonly sample: Sample }
  /** The answer was not the oracle's. */
  | { readonly kind: 'wrong'; readonly message: string }
  /** It could not be loaded, or threw. */
  | { readonly kind: 'failed'; readonly message: string }

/** Begins the line of the answer, whatever else a flow may print. */
export const MARK = '@bench '
