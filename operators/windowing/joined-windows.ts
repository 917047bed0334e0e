import {
  insertValue,
  type JoinInsertMode,
  type JoinSide,
  noValues,
  type RowShape,
  rowsOf,
} from '../join-rows.ts'
import type { JoinLogicOptions } from './join-logic.ts'
import { type Folding, type KeepWindows, keepAny, keepInTable } from './keep-windows.ts'
import { SessionWindower } from './session-windower.ts'
import type { WindowMetadata } from './window-metadata.ts'
import type { WindowPlan } from './window-plan.ts'
import type { WindowSink } from './window-sink.ts'

/** The values of each side. */
type Sides = unknown[][]

/**
 * Windows that join: where rows come out at the end only, as folds of the values of each side, in a
 * table if there is one.
 *
 * Sessions that are not ordered are left out: which of their values is the last depends on when they
 * become one.
 */
export const keepJoined =
  ({ shape, insertMode, emitMode }: JoinLogicOptions) =>
  (plan: WindowPlan<JoinSide<unknown>, unknown>): KeepWindows<JoinSide<unknown>, unknown> => {
    if (emitMode !== 'final') return keepAny(plan)
    if (plan.windower instanceof SessionWindower && !plan.ordered) return keepAny(plan)
    const keep = keepInTable(plan, foldingOf(shape.width, insertMode))
    if (keep === null) return keepAny(plan)
    return (sink, now, stepId) => keep(new RowSink(sink, shape), now, stepId)
  }

const foldingOf = (width: number, mode: JoinInsertMode): Folding<JoinSide<unknown>, Sides> => ({
  init: () => noValues(width),
  fold: (sides, { side, value }) => {
    insertValue(sides[side] as unknown[], value, mode)
    return sides
  },
  merge: (into, from) => {
    for (const [side, values] of from.entries()) {
      for (const value of values) insertValue(into[side] as unknown[], value, mode)
    }
    return into
  },
  byPanes: false,
})

/** Lets out the rows of the sides of a window. */
class RowSink<V> implements WindowSink<V, Sides> {
  readonly #sink: WindowSink<V, unknown>
  readonly #shape: RowShape

  constructor(sink: WindowSink<V, unknown>, shape: RowShape) {
    this.#sink = sink
    this.#shape = shape
  }

  down(key: string, windowId: number, sides: Sides): void {
    for (const row of rowsOf(sides, this.#shape)) this.#sink.down(key, windowId, row)
  }

  late(key: string, windowId: number, value: V): void {
    this.#sink.late(key, windowId, value)
  }

  meta(key: string, windowId: number, metadata: WindowMetadata): void {
    this.#sink.meta(key, windowId, metadata)
  }

  failed(key: string, value: V, error: unknown): void {
    this.#sink.failed(key, value, error)
  }
}
