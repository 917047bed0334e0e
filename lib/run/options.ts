import { BuildError } from '../errors/errors.ts'
import type { ErrorPolicy } from '../flow/policy.ts'
import type { RecoveryDirectory, RecoveryStore } from '../recovery/recovery-store.ts'
import type { Store } from '../recovery/store.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { systemRuntime } from '../runtime/system.ts'
import { type DurationLike, durationMillis } from '../time/time.ts'
import type { Tracing } from '../worker/tracer.ts'
import { type Logger, standardLogger } from './logger.ts'
import type { NatsPlace } from './nats-options.ts'

/** How a flow is run; every field may be left out. */
export interface RunOptions {
  /**
   * How long an epoch lasts: how often snapshots are taken. 0 ends one after every turn.
   * @defaultValue 10 seconds
   */
  readonly epochInterval?: DurationLike
  /** Where snapshots are kept; without it nothing is, and a run begins anew each time. */
  readonly recovery?: RecoveryStore | RecoveryDirectory | Store
  /**
   * How many workers share the flow, in this thread.
   * @defaultValue 1
   */
  readonly workers?: number
  /** Aborting it stops the flow: the epoch is closed and committed, windows stay open. */
  readonly signal?: AbortSignal
  /**
   * What happens to items on which user code throws, where a step has no policy of its own.
   * @defaultValue 'stop'
   */
  readonly onError?: ErrorPolicy
  /** @defaultValue warnings and errors on standard error */
  readonly logger?: Logger
  /**
   * Where spans go: what `setupTracing` of `tidemark/ops` gives.
   * @defaultValue nowhere, at no cost
   */
  readonly tracing?: Tracing
  /**
   * Which process of several this is, that run the flow together over NATS; the flow is given as its
   * module then: another one than the module that waits for `run` at its top level, which could not
   * be loaded before it is through. `tidemark/cluster` is for services that run more than one flow.
   */
  readonly nats?: NatsPlace
  /** Clock, timers and chance; a virtual one makes a run repeatable. */
  readonly runtime?: Runtime
}

/** Options with nothing left to decide. */
export interface Settings {
  readonly epochInterval: number
  readonly recovery: RecoveryStore | RecoveryDirectory | Store | null
  readonly workers: number
  readonly signal: AbortSignal | null
  readonly onError: ErrorPolicy
  readonly logger: Logger
  readonly tracing: Tracing | null
  readonly runtime: Runtime
}

const TEN_SECONDS = 10_000
const MOST_WORKERS = 1024

export const settingsOf = (options: RunOptions): Settings => {
  const epochInterval = durationMillis(options.epochInterval ?? TEN_SECONDS)
  if (!(epochInterval >= 0)) {
    throw new BuildError(
      'epochInterval must be a duration of 0 or more: milliseconds, a Duration, or units as { seconds: 10 }.',
    )
  }
  const workers = options.workers ?? 1
  if (!Number.isInteger(workers) || workers < 1 || workers > MOST_WORKERS) {
    throw new BuildError(
      `workers must be a whole number from 1 to ${MOST_WORKERS}; got ${workers}.`,
    )
  }
  if (typeof (options.recovery ?? {}) !== 'object') {
    throw new BuildError(
      `recovery must be a RecoveryStore or { dir }; got ${typeof options.recovery}.`,
    )
  }
  return {
    epochInterval,
    recovery: options.recovery ?? null,
    workers,
    signal: options.signal ?? null,
    onError: options.onError ?? 'stop',
    logger: options.logger ?? standardLogger,
    tracing: options.tracing ?? null,
    runtime: options.runtime ?? systemRuntime,
  }
}
