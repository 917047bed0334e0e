import {
  type JoinEmitMode,
  type JoinInsertMode,
  JoinRows,
  type JoinRowsState,
  type JoinSide,
  type RowShape,
} from '../join-rows.ts'
import { Clock, type ClockLogic, type Reading } from './clock.ts'
import { isExactly } from './keep-windows.ts'
import type { StepTime } from './step-time.ts'
import { WatermarkClock } from './watermark-clock.ts'
import { WindowLogic } from './window-logic.ts'
import type { BuildLogic } from './window-plan.ts'

export interface JoinLogicOptions {
  readonly shape: RowShape
  readonly insertMode: JoinInsertMode
  readonly emitMode: JoinEmitMode
}

/** Windows that join what their sides hold; `complete` starts over after each full set of rows. */
export const joinLogic =
  (options: JoinLogicOptions): BuildLogic<JoinSide<unknown>, unknown> =>
  (resume) =>
    new JoinLogic(options, resume as JoinRowsState | null)

class JoinLogic extends WindowLogic<JoinSide<unknown>, unknown, JoinRowsState> {
  readonly #rows: JoinRows
  readonly #emitMode: JoinEmitMode

  constructor(options: JoinLogicOptions, resume: JoinRowsState | null) {
    super()
    this.#rows = new JoinRows(options.shape, options.insertMode, resume)
    this.#emitMode = options.emitMode
  }

  override onValue({ side, value }: JoinSide<unknown>): Iterable<unknown> {
    return this.#rows.insert(side, value) ? this.#changed() : NOTHING
  }

  override onMerge(other: this): Iterable<unknown> {
    return this.#rows.merge(other.#rows) ? this.#changed() : NOTHING
  }

  override onClose(): Iterable<unknown> {
    return this.#emitMode === 'final' ? this.#rows.rows() : NOTHING
  }

  override snapshot(): JoinRowsState {
    return this.#rows.snapshot()
  }

  #changed(): Iterable<unknown> {
    if (this.#emitMode === 'running') return this.#rows.rows()
    if (this.#emitMode === 'final' || !this.#rows.isComplete()) return NOTHING
    const rows = this.#rows.rows()
    this.#rows.clear()
    return rows
  }
}

const NOTHING: readonly never[] = []

/** A clock that sees the user's own value, without its side. */
export const sideClock = <V>(clock: Clock<V, unknown>): Clock<JoinSide<V>, unknown> => {
  if (!isExactly(clock, WatermarkClock<V>)) return new SideClock(clock)
  const { timestamp } = clock
  return new WatermarkClock({ timestamp: ({ value }) => timestamp(value) })
}

/** Shows a clock the user's own value, without its side. */
export class SideClock<V, S> extends Clock<JoinSide<V>, S> {
  readonly #clock: Clock<V, S>

  constructor(clock: Clock<V, S>) {
    super()
    this.#clock = clock
  }

  override build(resume: S | null, time?: StepTime): ClockLogic<JoinSide<V>, S> {
    return new SideClockLogic(this.#clock.build(resume, time))
  }
}

class SideClockLogic<V, S> implements ClockLogic<JoinSide<V>, S> {
  readonly followsStream: boolean
  readonly #logic: ClockLogic<V, S>

  constructor(logic: ClockLogic<V, S>) {
    this.#logic = logic
    this.followsStream = logic.followsStream === true
  }

  onItem({ value }: JoinSide<V>): Reading {
    return this.#logic.onItem(value)
  }

  onNotify(): number {
    return this.#logic.onNotify()
  }

  onEof(): number {
    return this.#logic.onEof()
  }

  notifyAt(): number | null {
    return this.#logic.notifyAt()
  }

  wakeFor(time: number): number | null {
    return this.#logic.wakeFor?.(time) ?? null
  }

  snapshot(): S {
    return this.#logic.snapshot()
  }
}
