import { expect } from 'chai'
import fc from 'fast-check'
import { type Dataflow, dataflow } from 'tidemark'
import { inspect, keyOn, keyRm, statefulMap } from 'tidemark/operators'
import { MemoryStore, VirtualRuntime } from 'tidemark/testing'
import { LocalCrew } from '../../lib/run/local-crew.ts'
import { settingsOf } from '../../lib/run/options.ts'
import { VirtualBroker, type Weather } from '../../testing/virtual-broker.ts'
import { rounds } from '../support/effort.ts'
import { PartsSource } from '../support/parts-source.ts'
import { PositionSink } from '../support/position-sink.ts'
import { flowPlan, randomFlow } from '../support/random-flow.ts'
import { lossyLinks } from './lossy-links.ts'

interface World {
  readonly seed: number
  readonly weather: Weather
  /** When the broker is away, each time for 700 ms; milliseconds. */
  readonly outages: readonly number[]
  readonly maxPayload: number
}

const world: fc.Arbitrary<World> = fc.record({
  seed: fc.nat(),
  weather: fc.record({
    loss: fc.double({ min: 0, max: 0.3, noNaN: true }),
    duplicates: fc.double({ min: 0, max: 0.3, noNaN: true }),
    delay: fc.constantFrom(0, 1, 20, 100),
    reorder: fc.constantFrom(0, 0.1, 1),
  }),
  outages: fc.array(fc.nat({ max: 2000 }), { maxLength: 2 }),
  maxPayload: fc.constantFrom(256, 4096, 1024 * 1024),
})

/** Runs a flow on workers that only links through such a world connect. */
const runIn = async (
  { seed, weather, outages, maxPayload }: World,
  flow: Dataflow,
  options: {
    readonly workers: number
    readonly recovery?: MemoryStore
    readonly execution?: number
  },
): Promise<void> => {
  const runtime = new VirtualRuntime({ seed })
  const broker = new VirtualBroker(runtime)
  broker.weather = weather
  broker.maxPayload = maxPayload
  const ground = lossyLinks(broker, runtime, options.execution ?? 1)
  for (const at of outages) {
    runtime.after(at, () => broker.cut())
    runtime.after(at + 700, () => broker.mend())
  }
  const { workers, recovery } = options
  const settings = settingsOf({
    workers,
    runtime,
    epochInterval: 50,
    ...(recovery === undefined ? {} : { recovery }),
  })
  const host = { report: () => {}, committed: () => {} }
  try {
    await runtime.run(new LocalCrew(flow, settings, host, ground).run(), { steps: 5_000_000 })
  } finally {
    ground.close()
  }
}

const PARTS = 3
const ITEMS = 150

/** Counts by key, twice over with another key in between; `tapped` sees each result of the first. */
const twice = (tapped: (count: number) => void, slow: number) => {
  const parts = Array.from({ length: PARTS }, (_, part) =>
    Array.from({ length: ITEMS }, (_each, at) => at * PARTS + part),
  )
  const sink = new PositionSink<string>(3, slow)
  const flow = dataflow('law')
  let seen = 0
  flow
    .input('in', new PartsSource(parts, { batchSize: 10 }))
    .pipe(
      keyOn('by rest', (n) => `a${n % 11}`),
      statefulMap('first', (count: number | null, n: number) => [(count ?? 0) + 1, n]),
      inspect('tap', () => {
        seen += 1
        tapped(seen)
      }),
      keyRm('rm'),
      keyOn('by other rest', (n) => `b${n % 7}`),
      statefulMap('second', (count: number | null) => [(count ?? 0) + 1, `${(count ?? 0) + 1}`]),
    )
    .output('out', sink)
  return { flow, sink }
}

/** How often each key comes among the numbers; the counts of each are 1, 2, 3 ... */
const expected = (): string[] =>
  Array.from({ length: 7 }, (_, rest) => {
    const many = Array.from({ length: PARTS * ITEMS }, (_each, n) => n).filter(
      (n) => n % 7 === rest,
    )
    return many.map((_each, at) => `${at + 1}`)
  })
    .flat()
    .sort()

describe('Workers that only a lossy broker connects', () => {
  it('give what one worker gives, on random flows, whatever is lost, doubled, late or cut off', async () => {
    await fc.assert(
      fc.asyncProperty(
        flowPlan,
        world,
        fc.integer({ min: 2, max: 3 }),
        async (plan, how, workers) => {
          const alone = randomFlow(plan)
          await runIn({ ...how, outages: [] }, alone.flow, { workers: 1 })
          const several = randomFlow(plan)
          await runIn(how, several.flow, { workers })
          expect(several.sink.items.sort()).to.deep.equal(alone.sink.items.sort())
        },
      ),
      { numRuns: rounds({ test: 15, ci: 100, torture: 2000 }) },
    )
  })

  it('lose and double nothing when one fails on the way and others go on, more or fewer', async () => {
    await fc.assert(
      fc.asyncProperty(
        world,
        fc.integer({ min: 1, max: PARTS * ITEMS }),
        fc.tuple(fc.integer({ min: 2, max: 3 }), fc.integer({ min: 1, max: 4 })),
        async (how, strike, [before, after]) => {
          let at = strike
          const { flow, sink } = twice((seen) => {
            if (seen !== at) return
            at = -1
            throw new Error('struck')
          }, 0)
          const recovery = new MemoryStore({ partitions: 4 })
          const failure = await runIn(how, flow, { workers: before, recovery }).then(
            () => 'none',
            (error: unknown) => String(error),
          )
          expect(failure).to.include('struck')
          await runIn(how, flow, { workers: after, recovery, execution: 2 })
          expect(sink.items.sort()).to.deep.equal(expected())
        },
      ),
      { numRuns: rounds({ test: 15, ci: 100, torture: 2000 }) },
    )
  })

  it('go on through two exchanges in a row with a slow sink, room for one batch and short epochs', async () => {
    // Credit that edges or epochs shared would be used up by later items, and the first would wait.
    await fc.assert(
      fc.asyncProperty(world, fc.integer({ min: 2, max: 4 }), async (how, workers) => {
        const { flow, sink } = twice(() => {}, 5)
        const recovery = new MemoryStore({ partitions: 4 })
        await runIn({ ...how, maxPayload: 256 }, flow, { workers, recovery })
        expect(sink.items.sort()).to.deep.equal(expected())
      }),
      { numRuns: rounds({ test: 8, ci: 50, torture: 500 }) },
    )
  })
})
