import { BuildError } from '../lib/errors/errors.ts'
import { placed } from '../lib/flow/operator.ts'
import { durationOption, positiveCount, triesOption } from '../lib/flow/options.ts'
import type { RetryPolicy } from '../lib/flow/policy.ts'
import type { Operator, Stream } from '../lib/flow/stream.ts'
import type { DurationLike } from '../lib/time/time.ts'
import { AsyncCalls } from './async-calls.ts'
import { functionOption } from './keyed-step.ts'

export interface MapAsyncOptions {
  /** Calls that may be pending at a time on each worker, whatever batches their items came in. */
  readonly concurrency: number
  /**
   * Whether results keep the order of their items. Without it they go on as they come, but never
   * past a change of epoch or a watermark.
   * @defaultValue true
   */
  readonly ordered?: boolean
  /** How long a call may take before it counts as failed; no limit unless given. */
  readonly timeout?: DurationLike
  /** How often a failed item is tried; as the step's error policy says unless given. */
  readonly retry?: RetryPolicy
}

/**
 * Turns each item into another by a function that may take its time.
 *
 * Holds epochs, watermarks and the end back until every item before them has its result, so nothing
 * is lost in a crash and nothing becomes late. Keeps no state; the output has no key.
 *
 * @param id - the step's id
 * @param mapper - called once an item, more often if it is tried again, with a signal that is
 *   aborted when the call has run out of time or the step is closed; a promise is awaited
 * @param options - how many at a time, in which order, how long and how often
 * @throws BuildError for options that make no sense; StepError with what `mapper` throws or rejects
 *   with at the last try
 *
 * @example
 * ```ts
 * urls.pipe(mapAsync('fetch', (url, signal) => fetch(url, { signal }), { concurrency: 10, timeout: { seconds: 5 } }))
 * ```
 */
export const mapAsync = <T, R>(
  id: string,
  mapper: (item: T, signal: AbortSignal) => R,
  options: MapAsyncOptions,
): Operator<Stream<T>, Stream<Awaited<R>>> => {
  const { concurrency, ordered = true, timeout, retry } = optionsOf(id, options)
  const plan = {
    f: functionOption(id, 'mapper', mapper) as (item: unknown, signal: AbortSignal) => unknown,
    concurrency: positiveCount(`mapAsync "${id}": concurrency`, concurrency),
    ordered,
    timeout:
      timeout === undefined
        ? Number.POSITIVE_INFINITY
        : durationOption(`mapAsync "${id}": timeout`, timeout),
  }
  const tries = retry === undefined ? null : triesOption(`mapAsync "${id}": retry`, retry)
  return placed({
    id,
    operator: 'mapAsync',
    gives: 'unkeyed',
    spec: {
      kind: 'task',
      keeps: 'nothing',
      ...(Number.isFinite(plan.timeout) ? { timeout: plan.timeout } : {}),
      open: (context) => new AsyncCalls({ ...plan, tries: tries ?? context.retry }, context),
    },
  })
}

const optionsOf = (id: string, options: MapAsyncOptions | undefined): MapAsyncOptions => {
  if (options !== undefined && options !== null) return options
  throw new BuildError(
    `Step "${id}": mapAsync needs { concurrency }, how many calls may be pending at a time.`,
  )
}
