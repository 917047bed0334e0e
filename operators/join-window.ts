import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream } from '../lib/flow/stream.ts'
import {
  type JoinEmitMode,
  type JoinInsertMode,
  type JoinSide,
  joinEmitMode,
  joinInsertMode,
} from './join-rows.ts'
import { type JoinRow, type JoinSides, sidesOf } from './join-sides.ts'
import { joinLogic, sideClock } from './windowing/join-logic.ts'
import { keepJoined } from './windowing/joined-windows.ts'
import {
  checkClock,
  type OrderedWindowOptions,
  placeWindows,
  type WindowOut,
} from './windowing/window-shape.ts'

/** The values of all sides, whichever one comes from. */
export type SideValue<Sides extends JoinSides> = Sides extends readonly KeyedStream<infer V>[]
  ? V
  : Sides extends Readonly<Record<string, KeyedStream<infer V>>>
    ? V
    : never

export interface JoinWindowOptions<V, Mode extends JoinEmitMode = JoinEmitMode>
  extends OrderedWindowOptions<V> {
  /**
   * Which values of a side a window keeps: the `first`, the `last`, or all of them (`product`).
   * @defaultValue 'last'
   */
  readonly insertMode?: JoinInsertMode
  /**
   * When rows come out: once every side has a value (`complete`), when the window closes (`final`),
   * or with each change (`running`).
   * @defaultValue 'final'
   */
  readonly emitMode?: Mode
}

/** A complete row has a value of every side. */
type Missing<Mode> = Mode extends 'complete' ? never : null

/**
 * Puts the values of several keyed streams together that have the same key and window.
 *
 * Rows are all combinations of the values that are kept, the last side changing fastest, with `null`
 * only for a side without one. `complete` starts over after each full set of rows. What is kept of
 * open windows is part of snapshots. The clock sees each value without its side, and so does `late`.
 *
 * @param id - the step's id
 * @param sides - keyed streams of one flow: a tuple for rows that are tuples, an object for rows
 *   that are objects with the same names
 * @param options - `clock`, `windower`; `insertMode`, `emitMode`, `ordered`, `allowedLateness`,
 *   `late`, `trigger`
 * @param state - `ttl`, `codec`, `version`, `migrate`; see {@link StateOptions}
 * @throws BuildError where a side is not keyed, or a mode is none; StepError with what the clock throws
 *
 * @example
 * ```ts
 * const { down } = joinWindow('trips', { ride: rides, fare: fares }, { clock, windower })
 * // ['taxi', [windowId, { ride, fare }]]
 * ```
 */
export const joinWindow = <const Sides extends JoinSides, Mode extends JoinEmitMode = 'final'>(
  id: string,
  sides: Sides,
  options: JoinWindowOptions<SideValue<Sides>, Mode>,
  state: StateOptions = {},
): WindowOut<SideValue<Sides>, JoinRow<Sides, Missing<Mode>>> => {
  type V = SideValue<Sides>
  const name = `joinWindow "${id}"`
  const { streams, shape } = sidesOf(id, 'joinWindow', sides)
  const insertMode = joinInsertMode(options.insertMode ?? 'last', name)
  const emitMode = joinEmitMode(options.emitMode ?? 'final', name)
  checkClock(options.clock, name)
  const how = { shape, insertMode, emitMode }
  const joined = placeWindows<V, JoinSide<V>, unknown>(
    {
      id,
      operator: 'joinWindow',
      options,
      state,
      role: 'joinWindow',
      clock: sideClock(options.clock),
      logic: joinLogic(how),
      ordered: options.ordered ?? true,
      keep: keepJoined(how),
      taken: (values, side) => values.map((value) => ({ side, value: value as V })),
      own: ({ value }) => value,
    },
    streams,
  )
  return joined as WindowOut<V, JoinRow<Sides, Missing<Mode>>>
}
