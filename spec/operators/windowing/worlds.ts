import type { StateTable } from '../../../lib/state/state-table.ts'
import type { Clock } from '../../../operators/windowing/clock.ts'
import { type FiringOptions, firingPolicy } from '../../../operators/windowing/firing.ts'
import { foldLogic } from '../../../operators/windowing/fold-logic.ts'
import { closeMillisOf, type WindowMetadata } from '../../../operators/windowing/window-metadata.ts'
import type { BuildLogic } from '../../../operators/windowing/window-plan.ts'
import type { WindowSink } from '../../../operators/windowing/window-sink.ts'
import { WindowStep } from '../../../operators/windowing/window-step.ts'
import type { Windower } from '../../../operators/windowing/windower.ts'

/** A value with its own event time, in seconds. */
export interface Timed {
  readonly at: number
  readonly is: unknown
}

export const at = (seconds: number, is: unknown = seconds): Timed => ({ at: seconds, is })

export const timestamp = ({ at: seconds }: Timed): number => seconds * 1000

/** What came out, in order: ['down', key, id, value] and the like; times in seconds. */
export type Out = [stream: 'down' | 'late' | 'meta', key: string, id: number, value: unknown]

export class Outputs implements WindowSink<Timed, unknown> {
  all: Out[] = []

  down(key: string, id: number, value: unknown): void {
    this.all.push(['down', key, id, value])
  }

  late(key: string, id: number, value: Timed): void {
    this.all.push(['late', key, id, value.is])
  }

  meta(key: string, id: number, metadata: WindowMetadata): void {
    const close = closeMillisOf(metadata) / 1000
    const open = metadata.openTime.toMillis() / 1000
    this.all.push(['meta', key, id, [open, close, ...metadata.mergedIds]])
  }

  failed(_key: string, _value: Timed, error: unknown): void {
    throw error
  }

  of(stream: Out[0]): [id: number, value: unknown][] {
    return this.all.filter(([kind]) => kind === stream).map(([, , id, value]) => [id, value])
  }

  take(): Out[] {
    const all = this.all
    this.all = []
    return all
  }
}

/** Windows that come out as the list of what was in them. */
export const lists: BuildLogic<Timed, unknown> = foldLogic<Timed, unknown[]>({
  init: () => [],
  fold: (list, { is }) => {
    list.push(is)
    return list
  },
  merge: (into, from) => into.concat(from),
})

/** Windows that let each value out as it comes in. */
export const echoes: BuildLogic<Timed, unknown> = () => ({
  onValue: ({ is }) => [is],
  onMerge: () => [],
  onClose: () => [],
  snapshot: () => null,
})

export interface WorldOptions extends FiringOptions {
  readonly clock: Clock<Timed, unknown>
  readonly windower: Windower<unknown>
  readonly logic: BuildLogic<Timed, unknown>
  readonly ordered?: boolean
}

/** What is stored of the keys of a step, row by row as the engine would. */
export class Rows {
  readonly #stored = new Map<string, unknown>()
  #changed: string[] = []
  #epoch = 1

  load(table: StateTable): void {
    for (const [key, state] of this.#stored) table.load(key, structuredClone(state))
    table.record(this.#epoch, {
      row: (_, key, state) => {
        this.#changed.push(key)
        this.#stored.set(key, structuredClone(state))
      },
      tombstone: (_, key) => {
        this.#changed.push(key)
        this.#stored.delete(key)
      },
    })
  }

  /** Ends the epoch; the keys whose rows changed. */
  take(table: StateTable): readonly string[] {
    this.#epoch += 1
    table.closeEpoch(this.#epoch)
    table.settle(Number.MAX_SAFE_INTEGER)
    const changed = this.#changed
    this.#changed = []
    return changed
  }
}

/** A step, what comes out of it, and the wall time in seconds. */
export class World {
  readonly out: Outputs = new Outputs()
  readonly options: WorldOptions
  step: WindowStep<Timed, unknown>
  wall: number
  readonly #rows = new Rows()

  constructor(options: WorldOptions, wall = 0) {
    this.options = options
    this.wall = wall
    this.step = this.#newStep()
  }

  /** One batch for the key 'k'. */
  batch(...values: Timed[]): this {
    return this.batchOf(values.map((value) => ['k', value]))
  }

  batchOf(pairs: readonly (readonly [string, Timed])[]): this {
    const keys = pairs.map(([key]) => key)
    const values = pairs.map(([, value]) => value)
    this.step.onBatch(keys, values, this.wall * 1000)
    return this
  }

  /** Each value in a batch of its own. */
  each(...values: Timed[]): this {
    for (const value of values) this.batch(value)
    return this
  }

  /** Wall time passes; timers fire when they are due. How often the step was woken. */
  waitUntil(wall: number): number {
    let woken = 0
    for (;;) {
      const due = this.step.nextTimer()
      if (due > wall * 1000) break
      if (++woken > 1000) throw new Error('the step spins')
      this.wall = Math.max(this.wall, due / 1000)
      this.step.onTimer(this.wall * 1000)
    }
    this.wall = wall
    return woken
  }

  watermark(seconds: number): this {
    this.step.onWatermark(seconds * 1000)
    return this
  }

  end(): this {
    this.step.onEof(this.wall * 1000)
    return this
  }

  /** Stopped, and resumed `down` seconds later from what the changed keys had stored. */
  resume(down = 0): this {
    this.snapshot()
    this.wall += down
    this.step = this.#newStep()
    return this
  }

  /** The epoch ends; the keys that have a new row, or lost theirs. */
  snapshot(): readonly string[] {
    return this.#rows.take(this.step.table)
  }

  #newStep(): WindowStep<Timed, unknown> {
    const { clock, windower, logic, ordered = true } = this.options
    const firing = firingPolicy(this.options, 'spec')
    const plan = { clock, windower, logic, ordered, firing }
    const step = new WindowStep(plan, this.out, this.wall * 1000)
    this.#rows.load(step.table)
    step.onLoaded(this.wall * 1000)
    return step
  }
}
