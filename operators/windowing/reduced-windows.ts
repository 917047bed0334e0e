import type { StateOptions } from '../../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../../lib/flow/stream.ts'
import { type Folding, keepFolded } from './keep-windows.ts'
import { type Reducer, reduceLogic } from './reduce-logic.ts'
import { placeWindows, type WindowOptions, type WindowOut } from './window-shape.ts'

/** Windows whose values are reduced to one, in order of arrival. */
export const reducedWindows =
  <V>(
    shape: {
      readonly id: string
      readonly operator: string
      readonly role: string
      readonly options: WindowOptions<V>
      readonly state: StateOptions
    },
    reduce: Reducer<V>,
  ): Operator<KeyedStream<V>, WindowOut<V, V>> =>
  (up) =>
    placeWindows<V, V, V>(
      {
        ...shape,
        logic: reduceLogic(reduce),
        ordered: false,
        keep: (plan) => keepFolded(plan, foldingOf(reduce)),
      },
      [up],
    )

/** Stands for a window without a value; it is never kept. */
const NOTHING = Symbol('nothing')

/** What is equal under `reduce` need not be the same, so parts of a window cannot be exchanged. */
const foldingOf = <V>(reduce: Reducer<V>): Folding<V, V> => ({
  init: () => NOTHING as V,
  fold: (before, next) => (before === NOTHING ? next : reduce(before, next)),
  merge: reduce,
  byPanes: false,
})
