import { BuildError } from '../lib/errors/errors.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { functionOption } from './keyed-step.ts'
import { foldLogic } from './windowing/fold-logic.ts'
import { type Folding, keepFolded } from './windowing/keep-windows.ts'
import { SlidingWindower } from './windowing/sliding-windower.ts'
import { TumblingWindower } from './windowing/tumbling-windower.ts'
import {
  type OrderedWindowOptions,
  placeWindows,
  type WindowOut,
} from './windowing/window-shape.ts'

export interface FoldWindowOptions<V, A> extends OrderedWindowOptions<V> {
  /** A new accumulator, for each window. */
  readonly init: () => A
  /** The accumulator with a value; may be the same object, changed. */
  readonly fold: (accumulator: A, value: V) => A
  /**
   * The accumulator of two that became one; it may change and keep either. Sessions need it; sliding
   * windows are made of parts by it, so that their cost does not grow with their overlap.
   */
  readonly merge?: (into: A, from: A) => A
}

/**
 * Folds the values of each window into one, which comes out when the window closes.
 *
 * The accumulators of open windows are part of snapshots, and values that wait for their time where
 * the windows are `ordered`. Unordered sliding windows with a `merge` fold their values part by part,
 * which for a fold that does not care about order is the same.
 *
 * @param id - the step's id
 * @param options - `clock`, `windower`, `init`, `fold`, `merge`; `ordered`, `allowedLateness`,
 *   `late`, `trigger`
 * @param state - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws BuildError where sessions have no `merge`; StepError with what a callback throws
 *
 * @example
 * ```ts
 * const { down } = readings.pipe(
 *   foldWindow('sum', { clock, windower, init: () => 0, fold: (sum, r) => sum + r.value, merge: (a, b) => a + b }),
 * ) // ['sensor', [windowId, sum]]
 * ```
 */
export const foldWindow =
  <V, A>(
    id: string,
    options: FoldWindowOptions<V, A>,
    state: StateOptions = {},
  ): Operator<KeyedStream<V>, WindowOut<V, A>> =>
  (up) => {
    const folding = foldingOf(id, options)
    return placeWindows<V, V, A>(
      {
        id,
        operator: 'foldWindow',
        options,
        state,
        role: 'fold',
        logic: foldLogic(folding),
        ordered: options.ordered ?? true,
        keep: (plan) => keepFolded(plan, folding),
      },
      [up],
    )
  }

const foldingOf = <V, A>(id: string, options: FoldWindowOptions<V, A>): Folding<V, A> => {
  const { windower, merge } = options
  const init = functionOption(id, 'init', options.init)
  const fold = functionOption(id, 'fold', options.fold)
  if (merge !== undefined) {
    return { init, fold, merge: functionOption(id, 'merge', merge), byPanes: true }
  }
  if (!(windower instanceof TumblingWindower || windower instanceof SlidingWindower)) {
    throw new BuildError(
      `Step "${id}" (foldWindow) needs merge: (into, from) => accumulator, since its windows can become one.`,
    )
  }
  return { init, fold, merge: unmerged, byPanes: false }
}

const unmerged = (): never => {
  throw new TypeError('these windows never merge')
}
