import { expect } from 'chai'
import fc from 'fast-check'
import { dataflow, type KeyedStream } from 'tidemark'
import {
  collectWindow,
  keyOn,
  mapValue,
  SessionWindower,
  SlidingWindower,
  TumblingWindower,
  WatermarkClock,
  type Windower,
  type WindowOptions,
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
const tumbling = new TumblingWindower({ length: 700, alignTo: 0 })
const sliding = new SlidingWindower({ length: 900, offset: 300, alignTo: 50 })
const session = new SessionWindower({ gap: 200 })

type Firing = Pick<WindowOptions<Item>, 'allowedLateness' | 'late' | 'trigger'>

/** A value in a window of its key. */
interface Row {
  readonly window: string
  readonly values: readonly number[]
}

/** Windows over items that come later than their watermarks allow for; the rows in order. */
const outOf = async (
  parts: readonly (readonly Item[])[],
  { batchSize, slow, maxDrift: _, ...sim }: World,
  options: { readonly windower: Windower<unknown>; readonly ordered: boolean } & Firing,
): Promise<{ down: Row[]; late: Row[]; metas: string[] }> => {
  const flow = dataflow('late')
  const out = flow.input('in', new PartsSource(parts, { batchSize, slow })).pipe(
    watermarks('time', { timestamp, outOfOrderness: BOUND / 10 }),
    keyOn('key', ({ key }) => key),
    collectWindow('windows', { clock, ...options }),
  )
  const named = <V>(up: KeyedStream<V>, id: string, name: (key: string, value: V) => unknown) => {
    const sink = new PositionSink<string>(2)
    up.pipe(
      keyOn(`${id}-pair`, ([key]) => key),
      mapValue(`${id}-row`, ([key, value]) => JSON.stringify(name(key, value))),
    ).output(id, sink)
    return sink
  }
  const down = named(out.down, 'down', (key, [id, items]) => ({
    window: `${key} ${id}`,
    values: items.map(({ n }) => n),
  }))
  const late = named(out.late, 'late', (key, [id, { n }]) => ({
    window: `${key} ${id}`,
    values: [n],
  }))
  const metas = named(out.meta, 'meta', (key, [id]) => `${key} ${id}`)
  const { seed, workers, epochInterval, crashes } = sim
  await simulate(flow, { seed, workers, epochInterval, faults: { crashes, within: 300 } })
  const rowsOf = (sink: PositionSink<string>): Row[] =>
    sink.items.map((row) => JSON.parse(row) as Row)
  return { down: rowsOf(down), late: rowsOf(late), metas: metas.items }
}

const sorted = (pairs: readonly string[]): string[] => [...pairs].sort()
const pairsOf = (rows: readonly Row[]): string[] =>
  rows.flatMap(({ window, values }) => values.map((value) => `${window}: ${value}`))

/** Each value in each of its windows, from the definition of windows alone. */
const belonging = (parts: readonly (readonly Item[])[], windower: Windower<unknown>): string[] => {
  const logic = windower.build(null)
  return parts
    .flat()
    .flatMap((item) => logic.lateFor(item.at).map((id) => `${item.key} ${id}: ${item.n}`))
}

const lastOf = (rows: readonly Row[]): Row[] => [
  ...new Map(rows.map((row) => [row.window, row])).values(),
]

const ways = fc.record({ ordered: fc.boolean(), lateness: fc.constantFrom(0, 300, 5000) })

describe('Items beyond their bound', function () {
  this.timeout(RUNS * 10_000)

  const holds = (
    firingOf: (lateness: number) => Firing,
    check: (rows: Awaited<ReturnType<typeof outOf>>, expected: string[], lateness: number) => void,
  ): Promise<void> =>
    fc.assert(
      fc.asyncProperty(
        partitions,
        world,
        ways,
        fc.constantFrom<Windower<unknown>>(tumbling, sliding),
        async (parts, how, { ordered, lateness }, windower) => {
          const options = { windower, ordered, ...firingOf(lateness) }
          check(await outOf(parts, how, options), sorted(belonging(parts, windower)), lateness)
        },
      ),
      { numRuns: RUNS },
    )

  it('are in their windows or late, each once, and a window comes out again only if it may', () =>
    holds(
      (allowedLateness) => ({ allowedLateness }),
      ({ down, late, metas }, expected, lateness) => {
        expect(sorted([...pairsOf(lastOf(down)), ...pairsOf(late)])).to.deep.equal(expected)
        expect(metas.length).to.equal(down.length)
        if (lateness === 0) expect(lastOf(down).length).to.equal(down.length)
      },
    ))

  it('come out once where windows discard', () =>
    holds(
      (allowedLateness) => ({ allowedLateness, late: 'discard' }),
      ({ down, late }, expected) => {
        expect(sorted([...pairsOf(down), ...pairsOf(late)])).to.deep.equal(expected)
      },
    ))

  it('are in what a window that triggers shows in the end, which only grows', () =>
    holds(
      (allowedLateness) => ({ allowedLateness, trigger: { count: 2, every: 400 } }),
      ({ down, late }, expected) => {
        expect(sorted([...pairsOf(lastOf(down)), ...pairsOf(late)])).to.deep.equal(expected)
        const sizes = new Map<string, number>()
        for (const { window, values } of down) {
          expect(values.length).to.be.at.least(sizes.get(window) ?? 1)
          sizes.set(window, values.length)
        }
      },
    ))

  it('are in one session or late, each once', async () => {
    await fc.assert(
      fc.asyncProperty(partitions, world, ways, async (parts, how, { ordered, lateness }) => {
        const firing: Firing = { allowedLateness: lateness, late: 'discard' }
        const { down, late } = await outOf(parts, how, { windower: session, ordered, ...firing })
        const values = [...down, ...late].flatMap((row) => row.values)
        expect(values.sort((a, b) => a - b)).to.deep.equal(
          parts
            .flat()
            .map(({ n }) => n)
            .sort((a, b) => a - b),
        )
      }),
      { numRuns: RUNS },
    )
  })
})
