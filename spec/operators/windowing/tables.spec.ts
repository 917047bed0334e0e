import { expect } from 'chai'
import fc from 'fast-check'
import type { StateTable } from '../../../lib/state/state-table.ts'
import { foldLogic, type WindowFold } from '../../../operators/windowing/fold-logic.ts'
import { SessionTable } from '../../../operators/windowing/session-table.ts'
import { SessionWindower } from '../../../operators/windowing/session-windower.ts'
import { SlidingTable } from '../../../operators/windowing/sliding-table.ts'
import { SlidingWindower } from '../../../operators/windowing/sliding-windower.ts'
import { TumblingTable } from '../../../operators/windowing/tumbling-table.ts'
import { WatermarkClock } from '../../../operators/windowing/watermark-clock.ts'
import { WindowGrid } from '../../../operators/windowing/window-grid.ts'
import type { Windower } from '../../../operators/windowing/windower.ts'
import { at, Outputs, Rows, type Timed, timestamp, World } from './worlds.ts'

/** Accumulators are changed in place, and merging spoils both sides, as users may do it. */
const list: WindowFold<Timed, unknown> = {
  init: () => [],
  fold: (items, { is }) => {
    asList(items).push(is)
    return items
  },
  merge: (into, from) => {
    asList(into).push(...asList(from).splice(0))
    return into
  },
}

const asList = (items: unknown): unknown[] => items as unknown[]

type Action =
  | { readonly batch: readonly (readonly [key: string, value: Timed])[] }
  | { readonly watermark: number }
  | { readonly resume: true }

let place = 0
const value = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: -20, max: 60 }))
const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.array(value, { maxLength: 9 }).map(toBatch) },
    { weight: 3, arbitrary: fc.integer({ min: -20, max: 60 }).map((watermark) => ({ watermark })) },
    { weight: 1, arbitrary: fc.constant({ resume: true } as const) },
  ),
  { maxLength: 20 },
)

function toBatch(values: [string, number][]): Action {
  return { batch: values.map(([key, time]) => [key, at(time, place++)] as const) }
}

interface Table {
  onBatch(keys: readonly string[], values: readonly Timed[]): void
  onWatermark(watermark: number): void
  onEof(): void
  readonly table: StateTable
}

/** What a table gives for the actions, by stream. */
const tableOutputs = (newTable: (out: Outputs) => Table, todo: readonly Action[]): Outputs => {
  const out = new Outputs()
  const rows = new Rows()
  let table = newTable(out)
  rows.load(table.table)
  let watermark = Number.NEGATIVE_INFINITY
  for (const action of todo) {
    if ('batch' in action) {
      table.onBatch(
        action.batch.map(([key]) => key),
        action.batch.map(([, timed]) => timed),
      )
    } else if ('watermark' in action) {
      watermark = Math.max(watermark, action.watermark * 1000)
      table.onWatermark(watermark)
    } else {
      rows.take(table.table)
      table = newTable(out)
      rows.load(table.table)
      table.onWatermark(watermark)
    }
  }
  table.onEof()
  expect(table.table.size).to.equal(0)
  return out
}

const stepOutputs = (
  windower: Windower<unknown>,
  todo: readonly Action[],
  ordered: boolean,
): Outputs => {
  const world = new World({
    clock: new WatermarkClock<Timed>({ timestamp }),
    windower,
    logic: foldLogic(list),
    ordered,
  })
  for (const action of todo) {
    if ('batch' in action) world.batchOf(action.batch)
    else if ('watermark' in action) world.watermark(action.watermark)
  }
  return world.end().out
}

/** Everything that came out, without the order between keys and streams. */
const perKey = (out: Outputs, sorted: boolean): unknown =>
  ['a', 'b', 'c'].map((name) =>
    (['down', 'late', 'meta'] as const).map((stream) =>
      out.all
        .filter(([kind, key]) => kind === stream && key === name)
        .map(([kind, , id, is]) => [id, sorted && kind === 'down' ? inOrder(is) : is]),
    ),
  )

const inOrder = (items: unknown): unknown => [...(items as number[])].sort((a, b) => a - b)

const options = (grid: WindowGrid, ordered: boolean, sink: Outputs) => ({
  timestamp,
  grid,
  fold: list,
  ordered,
  sink,
  stepId: 'windows',
})

describe('TumblingTable', () => {
  for (const ordered of [true, false]) {
    it(`gives what a step of windows gives, ${ordered ? 'ordered' : 'unordered'}`, () => {
      const grid = new WindowGrid(10_000, 10_000, 3000)
      fc.assert(
        fc.property(actions, (todo) => {
          const newTable = (out: Outputs): Table => new TumblingTable(options(grid, ordered, out))
          const table = tableOutputs(newTable, todo)
          expect(perKey(table, false)).to.deep.equal(
            perKey(stepOutputs(new SlidingWindower(grid), todo, ordered), false),
          )
        }),
        { numRuns: 300 },
      )
    })
  }

  it('closes windows by (time, key) and forgets a key without any', () => {
    const out = new Outputs()
    const table = new TumblingTable(options(new WindowGrid(10_000, 10_000, 0), false, out))
    table.onBatch(['b', 'c', 'z', 'a'], [at(11), at(1), at(5), at(12)])
    table.onWatermark(15_000)
    expect(table.table.size).to.equal(2)
    table.onWatermark(20_000)
    expect(table.table.size).to.equal(0)
    const down = out.all.filter(([stream]) => stream === 'down')
    expect(down.map(([, key, id]) => key + id)).to.deep.equal(['c0', 'z0', 'a1', 'b1'])
  })

  it('says how far it came when a callback throws, and keeps what was there', () => {
    const out = new Outputs()
    const fold = (sum: unknown, { is }: Timed): unknown => {
      if (is === 'bad') throw new Error('boom')
      return Number(sum) + Number(is)
    }
    const folding = { init: () => 0, fold, merge: (sum: unknown) => sum }
    const grid = new WindowGrid(10_000, 10_000, 0)
    const table = new TumblingTable({
      timestamp,
      grid,
      fold: folding,
      ordered: false,
      sink: out,
      stepId: 'windows',
    })
    const batch = [at(1, 1), at(2, 'bad'), at(3, 3)]
    expect(() => table.onBatch(['k', 'k', 'k'], batch)).to.throw('boom')
    expect(table.position).to.equal(1)
    table.onBatch(['k'], [at(3, 3)])
    table.onEof()
    expect(out.of('down')).to.deep.equal([[0, 4]])
  })

  it('names a timestamp that is no time', () => {
    const sink = new Outputs()
    const grid = new WindowGrid(10, 10, 0)
    const table = new TumblingTable({ ...options(grid, false, sink), timestamp: () => Number.NaN })
    expect(() => table.onBatch(['k'], [at(1)])).to.throw(TypeError, 'not a time')
    expect(table.table.size).to.equal(0)
  })
})

describe('SlidingTable', () => {
  for (const [length, offset] of [
    [10_000, 5000],
    [10_000, 4000],
    [10_000, 1000],
    [10_000, 7000],
  ] as const) {
    for (const ordered of [true, false]) {
      it(`of ${length}/${offset} gives what a step gives, ${ordered ? '' : 'un'}ordered`, () => {
        const grid = new WindowGrid(length, offset, 1000)
        fc.assert(
          fc.property(actions, (todo) => {
            const newTable = (out: Outputs): Table => new SlidingTable(options(grid, ordered, out))
            const table = tableOutputs(newTable, todo)
            const step = stepOutputs(new SlidingWindower(grid), todo, ordered)
            expect(perKey(table, !ordered)).to.deep.equal(perKey(step, !ordered))
          }),
          { numRuns: 300 },
        )
      })
    }
  }
})

describe('SessionTable', () => {
  for (const ordered of [true, false]) {
    it(`gives what a step of windows gives, ${ordered ? 'ordered' : 'unordered'}`, () => {
      const gap = 4000
      fc.assert(
        fc.property(actions, (todo) => {
          const newTable = (sink: Outputs): Table =>
            new SessionTable({ timestamp, gap, fold: list, ordered, sink, stepId: 'windows' })
          const table = tableOutputs(newTable, todo)
          const step = stepOutputs(new SessionWindower({ gap }), todo, ordered)
          expect(perKey(table, !ordered)).to.deep.equal(perKey(step, !ordered))
        }),
        { numRuns: 300 },
      )
    })
  }

  it('closes sessions by (time, key) and forgets a key without any', () => {
    const sink = new Outputs()
    const table = new SessionTable({
      timestamp,
      gap: 5000,
      fold: list,
      ordered: false,
      sink,
      stepId: 'windows',
    })
    table.onBatch(['b', 'c', 'a', 'c', 'b'], [at(2), at(1), at(3), at(20), at(3)])
    table.onWatermark(8000)
    expect(sink.all).to.deep.equal([
      ['down', 'c', 0, [1]],
      ['meta', 'c', 0, [1, 1]],
    ])
    table.onWatermark(100_000)
    expect(
      sink.all
        .filter(([kind]) => kind === 'down')
        .map(([, key]) => key)
        .join(''),
    ).to.equal('cabc')
    expect(table.table.size).to.equal(0)
  })
})
