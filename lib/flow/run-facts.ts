import type { Runtime } from '../runtime/runtime.ts'

/** What a source or sink may know of the run it takes part in. */
export interface RunFacts {
  /** The run's clock, timers and chance; a virtual one in simulations. */
  readonly runtime: Runtime
  /** Whether positions are kept, so that what follows one can be cut off and written again. */
  readonly recovery: boolean
}

/**
 * How a source or sink object is told of the run around it, once a run in each thread.
 *
 * `useRun` comes first, synchronously, before `start` returns and before any other call; `endRun`
 * comes last, after every partition was closed or abandoned, even when none was ever built.
 */
export interface RunAware {
  useRun?(run: RunFacts): void
  /** `failure` is what the run failed with, or `null` when it ended or was stopped. */
  endRun?(failure: unknown): void
}
