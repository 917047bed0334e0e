import { upstream } from '../lib/flow/dataflow.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { Operator, Stream } from '../lib/flow/stream.ts'
import { keyOn } from './key-on.ts'
import { functionOption } from './keyed-step.ts'
import { countFold, foldLogic } from './windowing/fold-logic.ts'
import { keepFolded } from './windowing/keep-windows.ts'
import { placeWindows, type WindowOptions, type WindowOut } from './windowing/window-shape.ts'

export interface CountWindowOptions<T> extends WindowOptions<T> {
  /** What is counted together; must return a string. */
  readonly key: (item: T) => string
}

/**
 * Counts the items of each key and window; the count comes out when the window closes.
 *
 * The stream need not be keyed: an inner step, `id.key`, does that. The counts of open windows are
 * part of snapshots, kept under `id`.
 *
 * @param id - the step's id
 * @param options - `clock`, `windower`, `key`; `allowedLateness`, `late`, `trigger`
 * @param state - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws StepError with what a callback throws, or when `key` returns anything but a string
 *
 * @example
 * ```ts
 * const { down } = logins.pipe(countWindow('logins', { clock, windower, key: (login) => login.user }))
 * ```
 */
export const countWindow =
  <T>(
    id: string,
    options: CountWindowOptions<T>,
    state: StateOptions = {},
  ): Operator<Stream<T>, WindowOut<T, number>> =>
  (up) => {
    const key = functionOption(id, 'key', options.key)
    const keyed = upstream(id, up).flow.inside(id, () => keyOn<T>('key', key)(up))
    return placeWindows<T, T, number>(
      {
        id,
        operator: 'countWindow',
        options,
        state,
        role: 'count',
        logic: foldLogic(countFold),
        ordered: false,
        keep: (plan) => keepFolded(plan, { ...countFold, byPanes: true }),
      },
      [keyed],
    )
  }
