import { expect } from 'chai'
import fc from 'fast-check'
import { dataflow, type KeyedStream } from 'tidemark'
import {
  asOfJoin,
  dedupe,
  type IntervalJoinEmit,
  intervalJoin,
  keyOn,
  mapValue,
  rolling,
  topN,
  WatermarkClock,
  watermarks,
} from 'tidemark/operators'
import { simulate } from 'tidemark/testing'
import { rounds } from '../support/effort.ts'
import { PartsSource } from '../support/parts-source.ts'
import { PositionSink } from '../support/position-sink.ts'
import { BOUND, type Item, partitions, type World, world } from '../support/recorded.ts'

const RUNS = rounds({ test: 25, ci: 300, torture: 10_000 })

const timestamp = ({ at }: Item): number => at
const clock = new WatermarkClock({ timestamp })
const KEYS = ['a', 'b', 'c', 'd']

/** What `rolling` adds up. */
interface Last {
  readonly key: string
  readonly count: number
  readonly sum: number
}

const remove = ({ count, sum }: Last, { key, at }: Item): Last => ({
  key,
  count: count - 1,
  sum: sum - at,
})

type Parts = readonly (readonly Item[])[]
type Make = (left: KeyedStream<Item>, right: KeyedStream<Item>) => KeyedStream<string>

/** What comes out of two recorded streams, exactly once; all of one key is in one row of the sink. */
const outOf = async (
  [lefts, rights]: readonly [Parts, Parts],
  { batchSize, slow, maxDrift, ...sim }: World,
  make: Make,
): Promise<string[][]> => {
  const flow = dataflow('recorded')
  const side = (name: string, parts: Parts): KeyedStream<Item> =>
    flow.input(name, new PartsSource(parts, { batchSize, slow })).pipe(
      watermarks(`${name}-time`, {
        timestamp,
        outOfOrderness: BOUND,
        ...(maxDrift === undefined ? {} : { maxDrift }),
      }),
      keyOn(`${name}-key`, ({ key }) => key),
    )
  const sink = new PositionSink<string>(2)
  make(side('left', lefts), side('right', rights)).output('out', sink as never)
  const { seed, workers, epochInterval, crashes } = sim
  await simulate(flow, { seed, workers, epochInterval, faults: { crashes, within: 300 } })
  return [...sink.parts.values()]
}

/** Holds what comes out of any streams, read in any way, to what a naive reading of the rules gives. */
const holds = (make: Make, oracle: (left: Item[], right: Item[]) => string[]): Promise<void> =>
  fc.assert(
    fc.asyncProperty(partitions, partitions, world, async (lefts, rights, how) => {
      const rows = (await outOf([lefts, rights], how, make)).flat()
      expect(rows.sort()).to.deep.equal(oracle(lefts.flat(), rights.flat()).sort())
    }),
    { numRuns: RUNS },
  )

const byTime = (items: readonly Item[]): Item[] => [...items].sort((a, b) => a.at - b.at)

describe('Recorded input, through any speeds, batch sizes, workers and crashes', function () {
  this.timeout(RUNS * 10_000)

  const [before, after] = [300, 800]
  for (const emit of ['inner', 'left', 'right', 'outer'] as IntervalJoinEmit[]) {
    it(`gives intervalJoin ${emit} each pair once${emit === 'inner' ? '' : ', and each value without a partner'}`, () =>
      holds(
        (left, right) =>
          left.pipe(
            intervalJoin('near', right, {
              clock,
              before,
              after,
              emit,
              join: (l: Item | null, r: Item | null) => `${l?.n ?? '-'} ${r?.n ?? '-'}`,
            }),
          ),
        (left, right) => {
          const isPair = (l: Item, r: Item): boolean =>
            l.key === r.key && r.at >= l.at - before && r.at <= l.at + after
          const rows = left.flatMap((l) =>
            right.filter((r) => isPair(l, r)).map((r) => `${l.n} ${r.n}`),
          )
          const lonelyLefts = left.filter((l) => !right.some((r) => isPair(l, r)))
          const lonelyRights = right.filter((r) => !left.some((l) => isPair(l, r)))
          if (emit === 'left' || emit === 'outer')
            rows.push(...lonelyLefts.map(({ n }) => `${n} -`))
          if (emit === 'right' || emit === 'outer')
            rows.push(...lonelyRights.map(({ n }) => `- ${n}`))
          return rows
        },
      ))
  }

  for (const emit of ['inner', 'left'] as const) {
    for (const within of [undefined, 1500]) {
      it(`gives asOfJoin ${emit} the latest that is not after${within === undefined ? '' : ', if it is near'}`, () =>
        holds(
          (left, right) =>
            left.pipe(
              asOfJoin('as-of', right, {
                clock,
                emit,
                // Of several at one time any may have come last.
                join: (l, r) => `${l.n} ${r?.at}`,
                ...(within === undefined ? {} : { within }),
              }),
            ),
          (left, right) =>
            left.flatMap((l) => {
              const latest = byTime(right.filter((r) => r.key === l.key && r.at <= l.at)).at(-1)
              const isNear =
                latest !== undefined && l.at - latest.at <= (within ?? Number.POSITIVE_INFINITY)
              if (!isNear && emit === 'inner') return []
              return [`${l.n} ${isNear ? latest.at : undefined}`]
            }),
        ))
    }
  }

  for (const removes of [true, false]) {
    it(`gives rolling ${removes ? 'with' : 'without'} remove each value's last second, in order`, async () => {
      const length = 1000
      const results = (items: readonly Item[]): string[] =>
        KEYS.flatMap((key) => {
          const own = byTime(items.filter((item) => item.key === key))
          return own.map(({ at }, place) => {
            const last = own.slice(0, place + 1).filter((item) => item.at > at - length)
            // Of several at one time any may have come first: so their times are added, not names.
            return `${key} ${last.length} ${last.reduce((sum, item) => sum + item.at, 0)}`
          })
        })
      await fc.assert(
        fc.asyncProperty(partitions, world, async (lefts, how) => {
          const parts = await outOf([lefts, []], how, (left) =>
            left.pipe(
              rolling('last', {
                clock,
                length,
                init: (): Last => ({ key: '', count: 0, sum: 0 }),
                add: ({ count, sum }, { key, at }) => ({ key, count: count + 1, sum: sum + at }),
                ...(removes ? { remove } : {}),
              }),
              mapValue('row', ({ key, count, sum }) => `${key} ${count} ${sum}`),
            ),
          )
          for (const key of KEYS) {
            const isOf = (row: string): boolean => row.startsWith(key)
            expect(parts.flatMap((rows) => rows.filter(isOf))).to.deep.equal(
              results(lefts.flat()).filter(isOf),
            )
          }
        }),
        { numRuns: RUNS },
      )
    })
  }

  const second = ({ at }: Item): number => Math.floor(at / 1000)

  it('gives dedupe the first of each id, once', () =>
    holds(
      (left) =>
        left.pipe(
          dedupe('once', second),
          mapValue('row', (item) => `${item.key} ${second(item)}`),
        ),
      (left) => [...new Set(left.map((item) => `${item.key} ${second(item)}`))],
    ))

  it('gives dedupe no id again before event time has moved on by its duration', async () => {
    const within = 5000
    await fc.assert(
      fc.asyncProperty(partitions, world, async (lefts, how) => {
        const rows = await outOf([lefts, []], how, (left) =>
          left.pipe(
            dedupe('once', ({ n }) => n % 3, { within }),
            mapValue('row', ({ key, n }) => `${key} ${n % 3}`),
          ),
        )
        const items = lefts.flat()
        const ids = items.map(({ key, n }) => `${key} ${n % 3}`)
        const times = items.map(timestamp)
        const passed = rows.flat()
        expect(new Set(passed)).to.deep.equal(new Set(ids))
        const most = 1 + Math.ceil((Math.max(...times) - Math.min(...times)) / within)
        for (const id of ids) expect(passed.filter((row) => row === id).length).to.be.at.most(most)
      }),
      { numRuns: RUNS },
    )
  })

  const best = (items: readonly Item[], key: string): string[] => {
    const times = items.filter((item) => item.key === key).map(timestamp)
    if (times.length === 0) return []
    return [`${key} ${times.sort((a, b) => b - a).slice(0, 3)}`]
  }

  it('gives topN the greatest, at the end', () =>
    holds(
      (left) =>
        left.pipe(
          topN('best', 3, timestamp),
          mapValue('row', (top) => `${top[0]?.key} ${top.map(timestamp)}`),
        ),
      (left) => KEYS.flatMap((key) => best(left, key)),
    ))

  it('gives topN the greatest, with each change of them', async () => {
    await fc.assert(
      fc.asyncProperty(partitions, world, async (lefts, how) => {
        const parts = await outOf([lefts, []], how, (left) =>
          left.pipe(
            topN('best', 3, timestamp, { emit: 'change' }),
            mapValue('row', (top) => `${top[0]?.key} ${top.map(timestamp)}`),
          ),
        )
        for (const key of KEYS) {
          const rows = parts.flatMap((part) => part.filter((row) => row.startsWith(key)))
          expect(rows.slice(-1)).to.deep.equal(best(lefts.flat(), key))
        }
      }),
      { numRuns: RUNS },
    )
  })
})
