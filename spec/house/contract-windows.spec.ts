import { expect } from 'chai'
import { expectTypeOf } from 'expect-type'
import type { DateTime } from 'luxon'
import type { Dataflow, KeyedStream } from 'tidemark'
import {
  asOfJoin,
  Clock,
  type ClockLogic,
  collectWindow,
  countWindow,
  dedupe,
  EventClock,
  filter,
  foldWindow,
  intervalJoin,
  joinWindow,
  keyOn,
  map,
  mapValue,
  maxWindow,
  minWindow,
  order,
  reduceWindow,
  rolling,
  SessionWindower,
  SlidingWindower,
  SystemClock,
  sideInput,
  TumblingWindower,
  topN,
  WatermarkClock,
  Windower,
  type WindowerLogic,
  WindowLogic,
  type WindowMetadata,
  type WindowOut,
  watermarks,
  window,
} from 'tidemark/operators'
import { type Reading, world } from '../support/readings.ts'

describe('windows of the contract', () => {
  const timestamp = ({ at }: Reading): number => at
  const clock = new EventClock({ timestamp, wait: { seconds: 0 }, now: () => 0 })
  const windower = new TumblingWindower({ length: { seconds: 10 }, alignTo: 0 })
  const n = ({ n }: Reading): number => n
  const counts = [
    ['a', [0, 1]],
    ['a', [1, 1]],
    ['b', [0, 1]],
  ]

  it('count, fold, collect and compare', async () => {
    const { up, byUser, show, given } = world()
    const counted = up.pipe(countWindow('count', { clock, windower, key: ({ user }) => user }))
    expectTypeOf(counted).toEqualTypeOf<WindowOut<Reading, number>>()
    expectTypeOf(counted.meta).toEqualTypeOf<KeyedStream<[windowId: number, WindowMetadata]>>()
    expectTypeOf<WindowMetadata['openTime']>().toEqualTypeOf<DateTime>()
    expectTypeOf<WindowMetadata['mergedIds']>().toEqualTypeOf<ReadonlySet<number>>()
    show(counted.down)
    show(
      byUser.pipe(
        foldWindow('fold', {
          clock,
          windower,
          init: () => 0,
          fold: (count) => count + 1,
          merge: (a, b) => a + b,
          ordered: true,
        }),
      ).down,
    )
    const sizes = ({ down }: WindowOut<Reading, Reading[]>) =>
      down.pipe(mapValue('sizes', ([id, list]): [number, number] => [id, list.length]))
    show(byUser.pipe(collectWindow('list', { clock, windower, into: 'array' }), sizes))
    for (const out of [
      byUser.pipe(maxWindow('max', { clock, windower, by: n })),
      byUser.pipe(minWindow('min', { clock, windower, by: n })),
      byUser.pipe(reduceWindow('red', { clock, windower, reduce: (a) => a })),
    ]) {
      expectTypeOf(out).toEqualTypeOf<WindowOut<Reading, Reading>>()
    }
    expect(await given()).to.deep.equal([counts, counts, counts])
  })

  it('run logics, clocks and windowers of the user', async () => {
    class Count extends WindowLogic<Reading, number, number> {
      #count: number
      constructor(resume: number | null) {
        super()
        this.#count = resume ?? 0
      }
      onValue(_value: Reading): Iterable<number> {
        this.#count += 1
        return []
      }
      onMerge(other: this): Iterable<number> {
        this.#count += other.#count
        return []
      }
      onClose(): Iterable<number> {
        return [this.#count]
      }
      snapshot(): number {
        return this.#count
      }
    }
    class Own extends Clock<Reading, null> {
      build(_resume: null): ClockLogic<Reading, null> {
        return {
          onItem: ({ at }) => ({ time: at, watermark: at }),
          onNotify: () => Number.NEGATIVE_INFINITY,
          onEof: () => Number.POSITIVE_INFINITY,
          notifyAt: () => null,
          snapshot: () => null,
        }
      }
    }
    class One extends Windower<boolean> {
      build(resume: boolean | null): WindowerLogic<boolean> {
        let open = resume ?? false
        const inner = windower.build(null)
        inner.openFor(0, -1)
        const [[, meta] = [0, undefined]] = inner.closeFor(1e9)
        return {
          openFor: () => {
            open = true
            return [7]
          },
          lateFor: () => [7],
          merged: () => [],
          closeFor: (watermark) => {
            if (!open || watermark !== Number.POSITIVE_INFINITY || meta === undefined) return []
            open = false
            return [[7, meta]]
          },
          notifyAt: () => (open ? Number.POSITIVE_INFINITY : null),
          isEmpty: () => !open,
          snapshot: () => open,
        }
      }
    }
    const { byUser, show, given } = world()
    const logic = (resume: number | null): Count => new Count(resume)
    show(byUser.pipe(window('own', { clock: new Own(), windower: new One(), logic })).down)
    show(byUser.pipe(window('w', { clock, windower, ordered: true, logic })).down)
    expect(await given()).to.deep.equal([
      [
        ['a', [7, 2]],
        ['b', [7, 1]],
      ],
      counts,
    ])
  })

  it('join, follow the stream, and grow old', async () => {
    const { up, byUser, show, given } = world()
    const left = byUser.pipe(mapValue('l', (reading) => reading))
    show(
      joinWindow('jw', [left, byUser], {
        clock,
        windower: new SessionWindower({ gap: { seconds: 5 } }),
        insertMode: 'last',
        emitMode: 'final',
        ordered: true,
      }).down.pipe(mapValue('ids', ([id]) => id)),
    )
    const marked = up.pipe(
      watermarks('wm', { timestamp, outOfOrderness: { seconds: 1 }, idleAfter: { minutes: 1 } }),
      keyOn('marked', ({ user }) => user),
    )
    const sliding = new SlidingWindower({
      length: { seconds: 10 },
      offset: { seconds: 10 },
      alignTo: new Date(0),
    })
    show(
      marked.pipe(
        foldWindow('follow', {
          clock: new WatermarkClock({ timestamp }),
          windower: sliding,
          init: () => 0,
          fold: (count) => count + 1,
          allowedLateness: { seconds: 1 },
          late: 'discard',
          trigger: { count: 10 },
        }),
      ).down,
    )
    show(
      byUser.pipe(
        dedupe('d', ({ user }) => user, { within: { days: 1 } }),
        mapValue('d-n', n),
      ),
    )
    show(
      byUser.pipe(
        topN('top', 1, n, { emit: 'final' }),
        mapValue('top-n', (top) => top.map(n)),
      ),
    )
    const side = up.pipe(
      filter('no', () => false),
      map('side', (): [string, number] => ['a', 1]),
    )
    show(up.pipe(sideInput('si', side, (item, lookup) => lookup(item.user) ?? item.n)))
    expect(new SystemClock()).to.be.instanceOf(Clock)
    const [joined, followed, deduped, top, sided] = await given()
    expect(joined).to.have.deep.members([
      ['a', 0],
      ['a', 1],
      ['b', 0],
    ])
    expect(followed).to.have.deep.members(counts)
    expect(deduped).to.deep.equal([
      ['a', 1],
      ['b', 2],
    ])
    expect(top).to.deep.equal([
      ['a', [3]],
      ['b', [2]],
    ])
    expect(sided).to.deep.equal([1, 2, 3])
  })

  it('join by time, and look back', async () => {
    const { byUser, show, given } = world()
    const right = byUser.pipe(mapValue('right', (reading) => reading))
    show(
      byUser.pipe(
        intervalJoin('ij', right, {
          clock,
          before: { seconds: 1 },
          after: 1000,
          join: (l, r) => l.n + r.n,
          emit: 'inner',
        }),
      ),
    )
    show(
      byUser.pipe(
        asOfJoin('aj', right, {
          clock,
          within: { seconds: 1 },
          join: (l, r) => l.n * r.n,
          emit: 'inner',
        }),
      ),
    )
    show(
      byUser.pipe(
        rolling('roll', {
          clock,
          length: { seconds: 10 },
          init: () => 0,
          add: (sum, { n }) => sum + n,
          remove: (sum, { n }) => sum - n,
        }),
      ),
    )
    show(byUser.pipe(order('order', { clock }), mapValue('order-n', n)))
    const [interval, asOf, rolled, ordered] = await given(0)
    expect(ordered).to.have.deep.members([
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ])
    expect(interval).to.have.deep.members([
      ['a', 2],
      ['b', 4],
      ['a', 6],
    ])
    expect(asOf).to.have.deep.members([
      ['a', 1],
      ['b', 4],
      ['a', 9],
    ])
    expect(rolled).to.have.deep.members([
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ])
  })

  it('are refused by the type of a stream without keys', () => {
    const { up, flow } = world()
    expectTypeOf(flow).toEqualTypeOf<Dataflow>()
    // @ts-expect-error: windows need keys
    expect(() => up.pipe(collectWindow('list', { clock, windower }))).to.throw('keyed stream')
  })
})
