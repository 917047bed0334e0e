import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { type CollectInto, collectLogic } from './windowing/collect-logic.ts'
import { type Folding, type KeepWindows, keepAny, keepFolded } from './windowing/keep-windows.ts'
import type { WindowPlan } from './windowing/window-plan.ts'
import {
  type OrderedWindowOptions,
  placeWindows,
  type WindowOut,
} from './windowing/window-shape.ts'

export interface CollectWindowOptions<V, Into extends CollectInto = CollectInto>
  extends OrderedWindowOptions<V> {
  /**
   * What a window's values come out as; a `map` needs values that are `[key, value]` pairs.
   * @defaultValue 'array'
   */
  readonly into?: Into
}

/** What {@link collectWindow} makes of values of a type. */
export type Collected<V, Into extends CollectInto> = Into extends 'set'
  ? Set<V>
  : Into extends 'map'
    ? V extends readonly [infer K, infer W]
      ? Map<K, W>
      : never
    : V[]

/**
 * Collects the values of each window; the collection comes out when the window closes.
 *
 * All values of open windows are kept, and part of snapshots: where a sum or a count is enough,
 * `foldWindow` needs far less.
 *
 * @param id - the step's id
 * @param options - `clock`, `windower`, `into`; `ordered`, `allowedLateness`, `late`, `trigger`
 * @param state - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws BuildError where `into` is none of the three; StepError with what a callback throws, and
 *   for a value that is no pair where `into` is `map`
 *
 * @example
 * ```ts
 * const { down } = clicks.pipe(collectWindow('minute', { clock, windower })) // ['user', [windowId, [click, click]]]
 * ```
 */
export const collectWindow =
  <V, Into extends CollectInto = 'array'>(
    id: string,
    options: CollectWindowOptions<V, Into>,
    state: StateOptions = {},
  ): Operator<KeyedStream<V>, WindowOut<V, Collected<V, Into>>> =>
  (up) => {
    const into: CollectInto = options.into ?? 'array'
    const collected = placeWindows<V, unknown, unknown>(
      {
        id,
        operator: 'collectWindow',
        options,
        state,
        role: 'into',
        logic: collectLogic(into, `collectWindow "${id}"`),
        ordered: options.ordered ?? true,
        keep: keepInto(into),
      },
      [up],
    )
    return collected as WindowOut<V, Collected<V, Into>>
  }

/** Pairs are looked at one by one as they come, so they are not left to a table. */
const keepInto =
  (into: CollectInto) =>
  (plan: WindowPlan<unknown, unknown>): KeepWindows<unknown, unknown> => {
    if (into === 'map') return keepAny(plan)
    const folding = into === 'set' ? setFolding : arrayFolding
    return keepFolded(plan, folding as Folding<unknown, unknown>)
  }

const arrayFolding: Folding<unknown, unknown[]> = {
  init: () => [],
  fold: (items, item) => {
    items.push(item)
    return items
  },
  merge: (into, from) => {
    for (const item of from) into.push(item)
    return into
  },
  byPanes: false,
}

const setFolding: Folding<unknown, Set<unknown>> = {
  init: () => new Set(),
  fold: (items, item) => items.add(item),
  merge: (into, from) => {
    for (const item of from) into.add(item)
    return into
  },
  byPanes: false,
}
