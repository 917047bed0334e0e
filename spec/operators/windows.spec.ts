import { expect } from 'chai'
import { dataflow, type KeyedStream, run } from 'tidemark'
import {
  branch,
  type Clock,
  collectWindow,
  countWindow,
  EventClock,
  foldWindow,
  joinWindow,
  keyed,
  keyOn,
  mapValue,
  maxWindow,
  minWindow,
  reduceWindow,
  SessionWindower,
  SlidingWindower,
  SystemClock,
  TumblingWindower,
  WatermarkClock,
  type Windower,
  type WindowOut,
  watermarks,
} from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'

interface Event {
  readonly user: string
  readonly at: number
  readonly is: unknown
}

const BASE = Date.UTC(2024, 0, 1)

/** Events of one user, by their seconds. */
const of = (user: string, ...events: readonly (readonly [at: number, is: unknown])[]): Event[] =>
  events.map(([at, is]) => ({ user, at, is }))

const timestamp = ({ at }: Event): Date => new Date(BASE + at * 1000)
const tumbling = new TumblingWindower({ length: { seconds: 10 }, alignTo: BASE })
const sliding = new SlidingWindower({
  length: { seconds: 10 },
  offset: { seconds: 5 },
  alignTo: BASE,
})

/** A clock per key that no wall time moves. */
const still = (wait: number): Clock<Event, unknown> =>
  new EventClock({
    timestamp,
    wait: wait === Number.POSITIVE_INFINITY ? wait : { seconds: wait },
    now: () => 0,
  })

type Make = (up: KeyedStream<Event>) => WindowOut<Event, unknown>

/** What the three streams give for events that arrive one by one. */
const outOf = async (events: readonly Event[], make: Make) => {
  const flow = dataflow('windows')
  const { down, late, meta } = flow.input('in', new TestingSource(events)).pipe(
    keyOn('user', ({ user }) => user),
    make,
  )
  const sinks = { down: new TestingSink(), late: new TestingSink(), meta: new TestingSink() }
  down.output('down', sinks.down)
  late.pipe(mapValue('is', ([id, { is }]) => [id, is])).output('late', sinks.late)
  meta.output('meta', sinks.meta)
  await run(flow)
  return { down: sinks.down.items, late: sinks.late.items, meta: sinks.meta.items }
}

const lists = (clock: Clock<Event, unknown>, windower: Windower<unknown>): Make =>
  foldWindow('fold', {
    clock,
    windower,
    init: (): unknown[] => [],
    fold: (list, { is }) => [...list, is],
    merge: (into, from) => [...into, ...from],
  })

describe('collectWindow', () => {
  const values = of('a', [0, 1], [8, 3], [4, 2], [13, 5], [12, 4])

  it('collects by time into arrays', async () => {
    const clock = still(Number.POSITIVE_INFINITY)
    const { down } = await outOf(values, collectWindow('w', { clock, windower: tumbling }))
    const times = (down as [string, [number, Event[]]][]).map(([key, [id, all]]) => [
      key,
      id,
      all.map(({ is }) => is),
    ])
    expect(times).to.deep.equal([
      ['a', 0, [1, 2, 3]],
      ['a', 1, [4, 5]],
    ])
  })

  it('collects into sets and maps, and refuses a value that is no pair', async () => {
    const clock = new EventClock<readonly [string, number]>({
      timestamp: ([, at]) => at,
      wait: Number.POSITIVE_INFINITY,
    })
    const windower = new TumblingWindower({ length: 10, alignTo: 0 })
    const collected = async (items: unknown[], into: 'set' | 'map') => {
      const flow = dataflow('collect')
      const sink = new TestingSink()
      flow
        .input('in', new TestingSource(items as [string, number][]))
        .pipe(
          keyOn('one', () => 'k'),
          collectWindow('w', { clock, windower, into }),
        )
        .down.output('out', sink)
      await run(flow)
      return sink.items
    }
    const [one, two] = [['x', 1] as const, ['y', 2] as const]
    expect(await collected([one, two], 'set')).to.deep.equal([['k', [0, new Set([one, two])]]])
    expect(await collected([one, two], 'map')).to.deep.equal([['k', [0, new Map([one, two])]]])
    const failure = await collected([['x', 1, 2]], 'map').catch((error: Error) => error)
    expect(String(failure)).to.match(/collectWindow "w".*pairs/s)
  })

  it('names what it can collect into (D14)', () => {
    const into = 'list' as 'array'
    expect(() =>
      dataflow('f')
        .input('in', new TestingSource<Event>([]))
        .pipe(
          keyOn('k', () => 'k'),
          collectWindow('w', { clock: still(0), windower: tumbling, into }),
        ),
    ).to.throw(/collectWindow "w".*"list".*'array', 'set' or 'map'/s)
  })
})

describe('countWindow', () => {
  it('has a watermark of its own for each key, and closes the rest by key at the end', async () => {
    const flow = dataflow('count')
    const events = [...of('a', [0, 1], [4, 1]), ...of('b', [8, 1]), ...of('a', [12, 1], [13, 1])]
    const sink = new TestingSink()
    flow
      .input('in', new TestingSource(events))
      .pipe(countWindow('w', { clock: still(0), windower: tumbling, key: ({ user }) => user }))
      .down.output('out', sink)
    await run(flow)
    expect(sink.items).to.deep.equal([
      ['a', [0, 2]],
      ['a', [1, 2]],
      ['b', [0, 1]],
    ])
  })
})

describe('foldWindow', () => {
  it('folds tumbling windows', async () => {
    const events = of('a', [0, 'login'], [4, 'post'], [8, 'post'], [16, 'post'])
    const { down } = await outOf(events, lists(still(0), tumbling))
    expect(down).to.deep.equal([
      ['a', [0, ['login', 'post', 'post']]],
      ['a', [1, ['post']]],
    ])
  })

  it('folds sessions, and lets late values out as they are', async () => {
    const events = of(
      'k',
      ...([
        [1, 'a'],
        [5, 'b'],
        [11, 'c'],
        [12, 'd'],
        [13, 'e'],
        [14, 'f'],
        [20, 'g'],
        [1, 'h'],
      ] as const),
    )
    const windower = new SessionWindower({ gap: { seconds: 5 } })
    const { down, late, meta } = await outOf(events, lists(still(0), windower))
    expect(down).to.deep.equal([
      ['k', [0, ['a', 'b']]],
      ['k', [1, ['c', 'd', 'e', 'f']]],
      ['k', [2, ['g']]],
    ])
    expect(late).to.deep.equal([['k', [-1, 'h']]])
    const [, [, first]] = meta[0] as [string, [number, { openTime: Date; closeTime: Date }]]
    expect([Number(first.openTime), Number(first.closeTime)]).to.deep.equal([
      BASE + 1000,
      BASE + 5000,
    ])
  })

  it('folds sliding windows', async () => {
    const events = of(
      'k',
      ...([
        [1, 'a'],
        [4, 'b'],
        [8, 'c'],
        [12, 'd'],
        [13, 'e'],
        [14, 'f'],
        [16, 'g'],
        [1, 'h'],
      ] as const),
    )
    const { down, late } = await outOf(events, lists(still(0), sliding))
    expect(down).to.deep.equal([
      ['k', [-1, ['a', 'b']]],
      ['k', [0, ['a', 'b', 'c']]],
      ['k', [1, ['c', 'd', 'e', 'f']]],
      ['k', [2, ['d', 'e', 'f', 'g']]],
      ['k', [3, ['g']]],
    ])
    expect(late).to.deep.equal([
      ['k', [-1, 'h']],
      ['k', [0, 'h']],
    ])
  })

  it('keeps a session by wall time open until the end', async () => {
    const events = of('k', ...Array.from({ length: 10 }, (_, at) => [at, at] as const))
    const windower = new SessionWindower({ gap: { seconds: 10 } })
    const { down } = await outOf(events, lists(new SystemClock(), windower))
    expect(down).to.deep.equal([['k', [0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]]])
  })

  it('is refused without watermarks where it follows them, or without merge where it needs it', () => {
    const up = (): KeyedStream<Event> =>
      dataflow('f')
        .input('in', new TestingSource<Event>([]))
        .pipe(keyOn('k', () => 'k'))
    const parts = { init: () => 0, fold: (sum: number) => sum + 1 }
    const windower = new SessionWindower({ gap: 1 })
    expect(() => up().pipe(foldWindow('w', { clock: still(0), windower, ...parts }))).to.throw(
      /needs merge/,
    )
    const clock = undefined as never
    expect(() => up().pipe(foldWindow('w', { clock, windower: tumbling, ...parts }))).to.throw(
      /foldWindow "w" needs a clock/,
    )
  })
})

describe('maxWindow, minWindow and reduceWindow', () => {
  const values = of('a', [0, 1], [4, 9], [8, 3], [12, 10], [13, 4])
  const by = ({ is }: Event): number => is as number
  const windower = tumbling

  it('keep the greatest and the least of each window', async () => {
    const [most, least] = [
      await outOf(values, maxWindow('w', { clock: still(0), windower, by })),
      await outOf(values, minWindow('w', { clock: still(0), windower, by })),
    ]
    const shown = (down: readonly unknown[]): unknown[] =>
      (down as [string, [number, Event]][]).map(([key, [id, { is, at }]]) => [key, id, is, at])
    expect(shown(most.down)).to.deep.equal([
      ['a', 0, 9, 4],
      ['a', 1, 10, 12],
    ])
    expect(shown(least.down)).to.deep.equal([
      ['a', 0, 1, 0],
      ['a', 1, 4, 13],
    ])
  })

  it('reduce from the first value on', async () => {
    const ones = of('a', [0, 1], [4, 1], [8, 1], [12, 1], [13, 1])
    const reduce = (before: Event, next: Event): Event => ({
      ...before,
      is: by(before) + by(next),
    })
    const { down } = await outOf(ones, reduceWindow('w', { clock: still(0), windower, reduce }))
    expect((down as [string, [number, Event]][]).map(([, [id, { is }]]) => [id, is])).to.deep.equal(
      [
        [0, 3],
        [1, 2],
      ],
    )
  })
})

describe('joinWindow', () => {
  interface Side {
    readonly at: number
    readonly is: number
  }
  type Sides = readonly (readonly [side: 'L' | 'R', at: number, is: number])[]
  type Modes = Pick<Parameters<typeof joinWindow>[2], 'insertMode' | 'emitMode'>

  const joined = async (sides: Sides, modes: Modes, late: unknown[] = []) => {
    const flow = dataflow('join')
    const { trues, falses } = splitBySide(flow, sides)
    const clock = new EventClock<Side>({
      timestamp: ({ at }) => at * 1000,
      wait: Number.POSITIVE_INFINITY,
    })
    const windower = new SessionWindower({ gap: { seconds: 10 } })
    const out = joinWindow('join', [trues, falses], { clock, windower, ...modes })
    const sink = new TestingSink()
    const lates = new TestingSink()
    out.down.output('out', sink)
    out.late.output('late', lates)
    await run(flow, { epochInterval: 0 })
    late.push(...lates.items)
    return (sink.items as [string, [number, (Side | null)[]]][]).map(([, [, row]]) =>
      row.map((side) => side?.is ?? null),
    )
  }

  const splitBySide = (flow: ReturnType<typeof dataflow>, sides: Sides) => {
    const { trues, falses } = flow
      .input('in', new TestingSource(sides))
      .pipe(branch('side', ([side]) => side === 'L'))
    const value = (id: string) => (up: typeof trues) =>
      up.pipe(
        keyOn(`${id}-key`, () => 'k'),
        mapValue(`${id}-value`, ([, at, is]): Side => ({ at, is })),
      )
    return { trues: value('l')(trues), falses: value('r')(falses) }
  }

  it('keeps the first, the last or all values of a side, and emits when it is told to', async () => {
    const two: Sides = [
      ['L', 0, 1],
      ['R', 1, 2],
      ['R', 2, 3],
    ]
    expect(
      await joined(
        [
          ['L', 0, 1],
          ['R', 2, 3],
          ['R', 1, 2],
        ],
        { insertMode: 'first', emitMode: 'complete' },
      ),
    ).to.deep.equal([[1, 2]])
    expect(
      await joined(
        [
          ['L', 0, 1],
          ['R', 1, 2],
        ],
        { insertMode: 'last', emitMode: 'complete' },
      ),
    ).to.deep.equal([[1, 2]])
    expect(await joined(two, { insertMode: 'last', emitMode: 'final' })).to.deep.equal([[1, 3]])
    expect(await joined(two, {})).to.deep.equal([[1, 3]])
    expect(await joined(two, { insertMode: 'last', emitMode: 'running' })).to.deep.equal([
      [1, null],
      [1, 2],
      [1, 3],
    ])
    const all: Sides = [
      ['L', 0, 1],
      ['L', 1, 2],
      ['R', 1, 3],
      ['R', 2, 4],
    ]
    expect(await joined(all, { insertMode: 'product', emitMode: 'final' })).to.deep.equal([
      [1, 3],
      [1, 4],
      [2, 3],
      [2, 4],
    ])
  })

  it('says nothing again where the first value stays (D20)', async () => {
    const rows = await joined(
      [
        ['L', 0, 1],
        ['L', 1, 2],
        ['R', 2, 3],
      ],
      {
        insertMode: 'first',
        emitMode: 'running',
      },
    )
    expect(rows).to.deep.equal([
      [1, null],
      [1, 3],
    ])
  })

  it('shows the user values of its own, without their side, when they are late (D7)', async () => {
    const flow = dataflow('late')
    const up = flow
      .input(
        'in',
        new TestingSource([
          ['k', 30],
          ['k', 1],
        ] as [string, number][]),
      )
      .pipe(keyed('by'))
    const clock = new EventClock<number>({ timestamp: (at) => at * 1000, wait: 0 })
    const sink = new TestingSink()
    joinWindow('join', { only: up }, { clock, windower: tumbling }).late.output('late', sink)
    await run(flow)
    const [[key, [, value]]] = sink.items as [[string, [number, number]]]
    expect([key, value]).to.deep.equal(['k', 1])
  })
})

describe('Windows that follow the stream', () => {
  it('close for quiet keys too, and put equal results out whatever the batch size', async () => {
    const events = [...of('a', [1, 'x'], [8, 'y']), ...of('b', [2, 'z']), ...of('a', [31, 'w'])]
    for (const batchSize of [1, 2, 100]) {
      const flow = dataflow('stream')
      const sink = new TestingSink()
      flow
        .input('in', new TestingSource(events, { batchSize }))
        .pipe(
          watermarks('time', { timestamp, outOfOrderness: { seconds: 5 } }),
          keyOn('user', ({ user }) => user),
          lists(new WatermarkClock({ timestamp }), tumbling),
        )
        .down.output('out', sink)
      await run(flow)
      expect(sink.items).to.deep.equal([
        ['a', [0, ['x', 'y']]],
        ['b', [0, ['z']]],
        ['a', [3, ['w']]],
      ])
    }
  })

  it('are refused where no watermarks are made, naming what to do', async () => {
    const flow = dataflow('none')
    flow
      .input('in', new TestingSource<Event>([]))
      .pipe(
        keyOn('user', ({ user }) => user),
        lists(new WatermarkClock({ timestamp }), tumbling),
      )
      .down.output('out', new TestingSink())
    const failure = await Promise.resolve()
      .then(() => run(flow))
      .catch((error: Error) => error)
    expect(String(failure)).to.match(/"fold".*watermarks\(/s)
  })
})
