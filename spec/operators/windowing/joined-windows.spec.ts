import { expect } from 'chai'
import fc from 'fast-check'
import type { JoinInsertMode, JoinSide } from '../../../operators/join-rows.ts'
import { tupleRows } from '../../../operators/join-rows.ts'
import { joinLogic, sideClock } from '../../../operators/windowing/join-logic.ts'
import { keepJoined } from '../../../operators/windowing/joined-windows.ts'
import { type KeepWindows, keepAny } from '../../../operators/windowing/keep-windows.ts'
import { SessionTable } from '../../../operators/windowing/session-table.ts'
import { SessionWindower } from '../../../operators/windowing/session-windower.ts'
import { TumblingTable } from '../../../operators/windowing/tumbling-table.ts'
import { TumblingWindower } from '../../../operators/windowing/tumbling-windower.ts'
import { WatermarkClock } from '../../../operators/windowing/watermark-clock.ts'
import type { WindowKeeper } from '../../../operators/windowing/window-keeper.ts'
import { closeMillisOf } from '../../../operators/windowing/window-metadata.ts'
import type { WindowPlan } from '../../../operators/windowing/window-plan.ts'
import type { WindowSink } from '../../../operators/windowing/window-sink.ts'
import { WindowStep } from '../../../operators/windowing/window-step.ts'
import type { Windower } from '../../../operators/windowing/windower.ts'
import { at, Rows, type Timed, timestamp } from './worlds.ts'

type Sided = JoinSide<unknown>
type Out = readonly [key: string, id: number, value: unknown]

class Joined implements WindowSink<Sided, unknown> {
  readonly rows: Out[] = []
  readonly lates: Out[] = []
  readonly closed: Out[] = []

  readonly down: WindowSink<Sided, unknown>['down'] = (...out) => this.rows.push(out)
  readonly late: WindowSink<Sided, unknown>['late'] = (...out) => this.lates.push(out)
  readonly meta: WindowSink<Sided, unknown>['meta'] = (key, id, metadata) =>
    this.closed.push([key, id, closeMillisOf(metadata)])
  readonly failed: WindowSink<Sided, unknown>['failed'] = (_key, _value, error) => {
    throw error
  }

  /** Without the order between keys. */
  get perKey(): unknown {
    const of = (outs: readonly Out[], name: string): unknown => outs.filter(([key]) => key === name)
    return ['a', 'b'].map((key) => [this.rows, this.lates, this.closed].map((o) => of(o, key)))
  }
}

type Action =
  | { readonly batch: readonly (readonly [key: string, value: Sided])[] }
  | { readonly watermark: number }
  | { readonly resume: true }

let place = 0
const seconds = fc.integer({ min: -20, max: 60 })
const item = fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom(0, 1), seconds).map(toItem)
const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.array(item, { maxLength: 9 }).map((batch) => ({ batch })) },
    { weight: 3, arbitrary: seconds.map((watermark) => ({ watermark })) },
    { weight: 1, arbitrary: fc.constant({ resume: true } as const) },
  ),
  { maxLength: 20 },
)

function toItem([key, side, time]: [string, number, number]): readonly [string, Sided] {
  return [key, { side, value: at(time, place++) }]
}

const clock = sideClock(new WatermarkClock<Timed>({ timestamp }))

const planOf = (
  windower: Windower<unknown>,
  { insertMode, ordered }: { insertMode: JoinInsertMode; ordered: boolean },
) => {
  const how = { shape: tupleRows(2), insertMode, emitMode: 'final' } as const
  const logic = joinLogic(how)
  const plan = { clock, windower, logic, ordered, firing: null } as WindowPlan<Sided, unknown>
  return { plan, keep: keepJoined(how)(plan) }
}

/** What comes out for the actions, where state is stored and taken up again in between. */
const played = (keep: KeepWindows<Sided, unknown>, todo: readonly Action[]): Joined => {
  const out = new Joined()
  const rows = new Rows()
  const open = (): WindowKeeper<Sided> => {
    const opened = keep(out, 0, 'windows')
    rows.load(opened.table)
    opened.onLoaded?.(0)
    return opened
  }
  let keeper = open()
  let watermark = Number.NEGATIVE_INFINITY
  for (const action of todo) {
    if ('batch' in action) {
      const keys = action.batch.map(([key]) => key)
      keeper.onBatch(
        keys,
        action.batch.map(([, value]) => value),
        0,
      )
    } else {
      if ('resume' in action) {
        rows.take(keeper.table)
        keeper = open()
      } else watermark = Math.max(watermark, action.watermark * 1000)
      keeper.onWatermark(watermark)
    }
  }
  keeper.onEof(0)
  expect(keeper.table.size).to.equal(0)
  return out
}

describe('joined windows', () => {
  const tumbling = new TumblingWindower({ length: 10_000, alignTo: 3000 })
  const session = new SessionWindower({ gap: 4000 })

  for (const insertMode of ['first', 'last', 'product'] as const) {
    for (const [name, windower, ordered] of [
      ['tumbling, ordered', tumbling, true],
      ['tumbling, unordered', tumbling, false],
      ['session, ordered', session, true],
    ] as const) {
      it(`in a table give what a step of windows gives: ${name}, ${insertMode}`, () => {
        const { plan, keep } = planOf(windower, { insertMode, ordered })
        fc.assert(
          fc.property(actions, (todo) => {
            expect(played(keep, todo).perKey).to.deep.equal(played(keepAny(plan), todo).perKey)
          }),
          { numRuns: 100 },
        )
      })
    }
  }

  it('are kept in a table where the order in which sessions merge has no say', () => {
    const kept = (windower: Windower<unknown>, ordered: boolean): WindowKeeper<Sided> =>
      planOf(windower, { insertMode: 'last', ordered }).keep(new Joined(), 0, 'windows')
    expect(kept(tumbling, true)).to.be.instanceOf(TumblingTable)
    expect(kept(tumbling, false)).to.be.instanceOf(TumblingTable)
    expect(kept(session, true)).to.be.instanceOf(SessionTable)
    expect(kept(session, false)).to.be.instanceOf(WindowStep)
  })
})
