import { expect } from 'chai'
import { BuildError, dataflow, type KeyedStream, run, StepError, start } from 'tidemark'
import {
  asOfJoin,
  type Clock,
  collectWindow,
  countWindow,
  EventClock,
  foldWindow,
  intervalJoin,
  joinWindow,
  keyOn,
  keyRm,
  map,
  maxWindow,
  order,
  reduceWindow,
  rolling,
  SessionWindower,
  SlidingWindower,
  SystemClock,
  TumblingWindower,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'
import {
  type Marker,
  MemoryStore,
  TestingSink,
  TestingSource,
  VirtualRuntime,
} from 'tidemark/testing'
import { dateTimeOf } from '../../lib/time/luxon.ts'

interface Item {
  readonly at: number
  readonly is: string
}

const at = (seconds: number, is: string): Item => ({ at: seconds * 1000, is })
const timestamp = (item: Item): number => item.at
const pause = (seconds: number): Marker => TestingSource.PAUSE({ seconds })

type Make = (lefts: KeyedStream<Item>, rights: KeyedStream<Item>) => KeyedStream<unknown>

const operators = (clock: Clock<Item, unknown>): Readonly<Record<string, Make>> => ({
  order: (lefts) => lefts.pipe(order('step', { clock })),
  rolling: (lefts) =>
    lefts.pipe(
      rolling('step', {
        clock,
        length: { seconds: 10 },
        init: (): string => '',
        add: (text, { is }) => text + is,
      }),
    ),
  intervalJoin: (lefts, rights) =>
    lefts.pipe(
      intervalJoin('step', rights, {
        clock,
        before: { seconds: 5 },
        after: { seconds: 5 },
        emit: 'outer',
        join: (l: Item | null, r: Item | null) => `${l?.is ?? '-'}${r?.is ?? '-'}`,
      }),
    ),
  asOfJoin: (lefts, rights) =>
    lefts.pipe(
      asOfJoin('step', rights, { clock, emit: 'left', join: (l, r) => `${l.is}${r?.is ?? '-'}` }),
    ),
})

/** Items whose names begin with `r` are right ones; what comes out, at which second of the run, and how many were late. */
const timed = async (
  items: readonly (Item | Marker)[],
  make: Make,
  { store = null as MemoryStore | null, start: from = 0, batchSize = 1 } = {},
) => {
  const runtime = new VirtualRuntime({ start: from })
  const flow = dataflow('timed')
  const all = flow
    .input('in', new TestingSource(items, { batchSize }))
    .pipe(watermarks('time', { timestamp }))
  const side = (name: string, is: (item: Item) => boolean): KeyedStream<Item> =>
    all.pipe(
      map(`${name}-item`, (item) => item),
      keyOn(`${name}-key`, (item) => (is(item) ? 'k' : 'other')),
    )
  const isRight = ({ is }: Item): boolean => is.startsWith('r')
  const sink = new TestingSink<readonly [number, unknown]>()
  make(
    side('left', (item) => !isRight(item)),
    side('right', isRight),
  )
    .pipe(
      map('row', ([key, row]): readonly [string, number, unknown] => [
        key,
        Math.round((runtime.now() - from) / 1000),
        typeof row === 'object' && row !== null && 'is' in row ? row.is : row,
      ]),
    )
    .output('out', sink as never)
  const execution = start(flow, {
    runtime,
    epochInterval: 0,
    ...(store === null ? {} : { recovery: store }),
  })
  let late = 0
  const watch = async (): Promise<void> => {
    for (const { steps } of await execution.observe()) {
      for (const { step, late: count } of steps) if (step === 'step') late = count ?? -1
    }
  }
  const looks = Array.from({ length: 200 }, (_, second) =>
    runtime.after(second * 1000 + 500, () => void watch()),
  )
  await runtime.run(
    execution.done.finally(() => {
      for (const look of looks) look.cancel()
    }),
  )
  const rows = (sink.items as unknown as [string, number, unknown][])
    .filter(([key]) => key === 'k')
    .map(([, second, row]) => [second, row])
  return { rows, late, steps: runtime.steps }
}

describe('order, rolling, intervalJoin and asOfJoin', () => {
  const byEvents = operators(new EventClock({ timestamp, wait: { seconds: 3 } }))

  it('follow the clock of a key, which wall time moves on while nothing comes', async () => {
    const items = [at(5, 'a'), at(3, 'b'), at(4, 'r'), pause(30)]
    const rowsOf = async (name: string): Promise<unknown> =>
      (await timed(items, byEvents[name] as Make)).rows
    // The watermark is 3 s behind second 5 at first.
    expect(await rowsOf('order')).to.deep.equal([
      [1, 'b'],
      [3, 'a'],
    ])
    expect(await rowsOf('rolling')).to.deep.equal([
      [1, 'b'],
      [3, 'ba'],
    ])
    expect(await rowsOf('intervalJoin')).to.deep.equal([
      [0, 'br'],
      [0, 'ar'],
    ])
    expect(await rowsOf('asOfJoin')).to.deep.equal([
      [1, 'b-'],
      [3, 'ar'],
    ])
  })

  it('let a value without a partner out by wall time', async () => {
    const { rows } = await timed([at(1, 'a'), pause(60)], byEvents['intervalJoin'] as Make)
    // 5 s after second 1 none can come: the watermark is there when the wall says 8 s more.
    expect(rows).to.deep.equal([[8, 'a-']])
  })

  it('take values as they come where time is wall time', async () => {
    const byWall = operators(new SystemClock())
    const items = [at(9, 'a'), pause(4), at(1, 'r'), pause(7), at(0, 'b'), pause(20)]
    const rowsOf = async (name: string): Promise<unknown> =>
      (await timed(items, byWall[name] as Make)).rows
    expect(await rowsOf('order')).to.deep.equal([
      [0, 'a'],
      [11, 'b'],
    ])
    expect(await rowsOf('rolling')).to.deep.equal([
      [0, 'a'],
      [11, 'b'],
    ])
    expect(await rowsOf('intervalJoin')).to.deep.equal([
      [4, 'ar'],
      [16, 'b-'],
    ])
    expect(await rowsOf('asOfJoin')).to.deep.equal([
      [0, 'a-'],
      [11, 'br'],
    ])
  })

  it('count what is late and was dropped, by any clock', async () => {
    const clocks: readonly Clock<Item, unknown>[] = [
      new WatermarkClock({ timestamp }),
      new EventClock({ timestamp, wait: 0 }),
    ]
    const items = [at(1, 'a'), at(20, 'b'), at(2, 'c'), at(3, 'd'), at(30, 'e'), pause(5)]
    for (const clock of clocks) {
      for (const [name, make] of Object.entries(operators(clock))) {
        const { late, rows } = await timed(items, make)
        expect(late, `${name} by ${clock.constructor.name}`).to.be.at.least(2)
        expect(JSON.stringify(rows), name).not.to.match(/[cd]/)
      }
    }
  })

  it('go on behind a crash with what waits, and keep nobody busy meanwhile', async () => {
    const items = [at(5, 'a'), at(4, 'r'), TestingSource.ABORT, at(6, 'b'), pause(60)]
    for (const [name, make] of Object.entries(byEvents)) {
      const store = new MemoryStore()
      const source = [...items]
      const first = await timed(source, make, { store }).catch((error: unknown) => error)
      expect(String(first), name).to.contain('abort')
      const { rows, steps } = await timed(
        source.filter((item) => item !== TestingSource.ABORT),
        make,
        {
          store,
          start: 3_600_000,
        },
      )
      const whole = await timed(
        source.filter((item) => item !== TestingSource.ABORT),
        make,
      )
      const shown = (all: readonly unknown[][]): unknown[] => all.map(([, row]) => row).sort()
      // What came out before the crash does not come out again.
      for (const row of shown(rows)) expect(shown(whole.rows), name).to.include(row)
      expect(rows.length, name).to.be.at.least(1)
      expect(steps).to.be.lessThan(3000)
    }
  })
})

describe('A timestamp that is no time', () => {
  const bads: readonly unknown[] = [
    Number.NaN,
    undefined,
    null,
    '2024-01-01T00:00:00',
    new Date('no date'),
    dateTimeOf(Number.NaN),
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    1n,
    {},
  ]
  type Place = (up: KeyedStream<unknown>, clock: Clock<unknown, unknown>) => unknown
  const tumbling = new TumblingWindower({ length: 1000, alignTo: 0 })
  const sliding = new SlidingWindower({ length: 1000, offset: 500, alignTo: 0 })
  const session = new SessionWindower({ gap: 1000 })
  const fold = { init: () => 0, fold: (n: number) => n + 1, merge: (a: number, b: number) => a + b }
  const places: Readonly<Record<string, Place>> = {
    window: (up, clock) => up.pipe(collectWindow('step', { clock, windower: session })).down,
    foldWindow: (up, clock) =>
      up.pipe(foldWindow('step', { clock, windower: tumbling, ...fold })).down,
    'unordered foldWindow': (up, clock) =>
      up.pipe(foldWindow('step', { clock, windower: sliding, ordered: false, ...fold })).down,
    'session foldWindow': (up, clock) =>
      up.pipe(foldWindow('step', { clock, windower: session, ...fold })).down,
    'foldWindow with lateness': (up, clock) =>
      up.pipe(foldWindow('step', { clock, windower: tumbling, allowedLateness: 5, ...fold })).down,
    collectWindow: (up, clock) =>
      up.pipe(collectWindow('step', { clock, windower: tumbling })).down,
    countWindow: (up, clock) =>
      up.pipe(keyRm('item'), countWindow('step', { clock, windower: tumbling, key: () => 'k' }))
        .down,
    reduceWindow: (up, clock) =>
      up.pipe(reduceWindow('step', { clock, windower: tumbling, reduce: (a) => a })).down,
    maxWindow: (up, clock) =>
      up.pipe(maxWindow('step', { clock, windower: tumbling, by: () => 1 })).down,
    joinWindow: (up, clock) => joinWindow('step', [up, up], { clock, windower: tumbling }).down,
    order: (up, clock) => up.pipe(order('step', { clock })),
    rolling: (up, clock) =>
      up.pipe(rolling('step', { clock, length: 1000, init: () => 0, add: (n) => n + 1 })),
    intervalJoin: (up, clock) =>
      up.pipe(intervalJoin('step', up, { clock, before: 1, after: 1, join: () => 1 })),
    asOfJoin: (up, clock) => up.pipe(asOfJoin('step', up, { clock, join: () => 1 })),
  }
  const timestampOf = (item: unknown): number => (item as { at: number }).at
  const clocks: readonly (readonly [string, Clock<unknown, unknown>])[] = [
    ['WatermarkClock', new WatermarkClock({ timestamp: timestampOf })],
    ['EventClock', new EventClock({ timestamp: timestampOf, wait: 0 })],
  ]
  it('is not waited for where no watermarks are made, on one side or on all', async () => {
    const [[, clock]] = clocks as [(typeof clocks)[0]]
    for (const [name, place] of Object.entries(places)) {
      const flow = dataflow('none')
      const up = flow.input('in', new TestingSource([{ at: 1 }])).pipe(keyOn('key', () => 'k'))
      const out = place(up as KeyedStream<unknown>, clock) as KeyedStream<unknown>
      out.output('out', new TestingSink())
      const failure = await Promise.resolve()
        .then(() => run(flow))
        .catch((error: unknown) => error)
      expect(failure, name).to.be.instanceOf(BuildError)
      expect(String(failure), name).to.match(/"step.*watermarks\(/s)
    }
    const flow = dataflow('one')
    const bare = flow.input('bare', new TestingSource([{ at: 1 }])).pipe(keyOn('key', () => 'k'))
    const timely = flow.input('timely', new TestingSource([{ at: 1 }])).pipe(
      watermarks('time', { timestamp: timestampOf }),
      keyOn('other', () => 'k'),
    )
    timely
      .pipe(asOfJoin('step', bare as KeyedStream<unknown>, { clock, join: () => 1 }))
      .output('out', new TestingSink())
    const failure = await Promise.resolve()
      .then(() => run(flow))
      .catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(BuildError)
  })

  for (const [name, place] of Object.entries(places)) {
    it(`fails the item, and names step, value and callback: ${name}`, async () => {
      for (const [, clock] of clocks) {
        for (const bad of bads) {
          const flow = dataflow('bad')
          const items = [{ at: 100 }, { at: bad, id: 'culprit' }, { at: 200 }]
          const up = flow.input('in', new TestingSource(items, { batchSize: 3 })).pipe(
            // Times are good until here, so that the step alone is to blame.
            watermarks('time', { timestamp: () => 0 }),
            keyOn('key', () => 'k'),
          )
          const out = place(up as KeyedStream<unknown>, clock) as KeyedStream<unknown>
          const sink = new TestingSink<readonly [string, unknown]>()
          out.output('out', sink)
          const failure = await run(flow).catch((error: unknown) => error)
          const told = `${name}: ${String(bad)}`
          expect(failure, told).to.be.instanceOf(StepError)
          expect(failure, told).to.include({ key: 'k' })
          expect((failure as StepError).stepId, told).to.match(/^bad\.step/)
          expect(String(failure), told).to.match(/timestamp.*not a time/s)
          expect((failure as StepError).item, told).to.deep.equal(items[1])
          sink.items.length = 0
          const { skipped } = await run(flow, { onError: 'skip' })
          expect(skipped, told).to.be.within(1, 2)
        }
      }
    })
  }
})
