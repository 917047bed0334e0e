import { BuildError } from '../lib/errors/errors.ts'
import { preview } from '../lib/errors/preview.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import type { DurationLike } from '../lib/time/time.ts'
import { functionOption } from './keyed-step.ts'
import type { Clock } from './windowing/clock.ts'
import { IntervalPairs } from './windowing/interval-pairs.ts'
import { placeTimed } from './windowing/timed-step.ts'
import { finiteLengthOrZero } from './windowing/window-options.ts'

/** Whether values that found no partner come out too: none, those of one side, or all. */
export type IntervalJoinEmit = 'inner' | 'left' | 'right' | 'outer'

export interface IntervalJoinOptions<L, R, W, Mode extends IntervalJoinEmit = 'inner'> {
  /** Tells the time of the values of both sides. */
  readonly clock: Clock<L | R, unknown>
  /** How far before a left value a right one may lie. */
  readonly before: DurationLike
  /** How far after a left value a right one may lie. */
  readonly after: DurationLike
  /** Makes a result of a pair; a side that is truly missing is `null`. */
  readonly join: (
    left: Mode extends 'right' | 'outer' ? L | null : L,
    right: Mode extends 'left' | 'outer' ? R | null : R,
  ) => W
  /** @defaultValue 'inner' */
  readonly emit?: Mode
}

/**
 * Pairs each left value with the right values of its key that lie near it in time: those with a time
 * in [left - before, left + after].
 *
 * A pair comes out as soon as both are there. With `emit`, a value without a partner comes out, with
 * `null` for the other side, once the watermark says that none can come. Values wait until then, and
 * are part of snapshots. A value behind the watermark is late, and dropped.
 *
 * @param id - the step's id
 * @param right - the other stream, keyed alike
 * @param options - `clock`, `before`, `after`, `join`, `emit`
 * @param state - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws BuildError where an option is none; StepError with what a callback throws
 *
 * @example
 * ```ts
 * orders.pipe(
 *   intervalJoin('paid', payments, { clock, before: 0, after: { minutes: 1 }, join: (o, p) => [o.id, p.amount] }),
 * )
 * ```
 */
export const intervalJoin =
  <L, R, W, Mode extends IntervalJoinEmit = 'inner'>(
    id: string,
    right: KeyedStream<R>,
    options: IntervalJoinOptions<L, R, W, Mode>,
    state: StateOptions = {},
  ): Operator<KeyedStream<L>, KeyedStream<W>> =>
  (left) => {
    const { clock } = options
    const emit = emitMode(id, options.emit ?? 'inner')
    const shape = {
      clock,
      role: 'join',
      join: functionOption(id, 'join', options.join) as (left: unknown, right: unknown) => unknown,
      before: finiteLengthOrZero(options.before, `intervalJoin "${id}": before`),
      after: finiteLengthOrZero(options.after, `intervalJoin "${id}": after`),
      keepsLeft: emit === 'left' || emit === 'outer',
      keepsRight: emit === 'right' || emit === 'outer',
    }
    return placeTimed(
      {
        id,
        operator: 'intervalJoin',
        clock,
        state,
        open: (context) => new IntervalPairs(shape, context),
      },
      [left, right],
    ) as KeyedStream<W>
  }

const emitMode = (id: string, emit: IntervalJoinEmit): IntervalJoinEmit => {
  if (emit === 'inner' || emit === 'left' || emit === 'right' || emit === 'outer') return emit
  throw new BuildError(
    `intervalJoin "${id}": emit is ${preview(emit)}; it must be 'inner', 'left', 'right' or 'outer'.`,
  )
}
