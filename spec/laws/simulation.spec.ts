import { expect } from 'chai'
import fc from 'fast-check'
import { type Dataflow, dataflow } from 'tidemark'
import { keyOn, map, statefulMap } from 'tidemark/operators'
import { CommittedSink, type Simulation, simulate } from 'tidemark/testing'
import { rounds } from '../support/effort.ts'
import { PartsSource } from '../support/parts-source.ts'
import { flowPlan, randomFlow } from '../support/random-flow.ts'

/** In all, 300 seeds in CI and 10 000 in `npm run torture`. */
const RUNS = rounds({ test: 20, ci: 100, torture: 3400 })

const world = fc.record({
  seed: fc.nat(),
  workers: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
  epochInterval: fc.constantFrom(0, 5, 100, 2000),
  faults: fc.constant('any' as const),
})

/** How the executions of all simulations so far came to their ends. */
const tally = (ends: Map<string, number>, { executions }: Simulation): void => {
  for (const { outcome } of executions) ends.set(outcome, (ends.get(outcome) ?? 0) + 1)
}

interface Numbered {
  readonly key: string
  readonly part: number
  readonly at: number
}

/** Two keyed steps in a row; the sink keeps each item with its number among those of its key. */
const numbering = (
  items: number,
): { flow: Dataflow; sink: CommittedSink<Numbered & { nth: number }> } => {
  const parts = [0, 1, 2].map((part) =>
    Array.from({ length: items }, (_, at): Numbered => ({ key: `k${(at * 7) % 5}`, part, at })),
  )
  const sink = new CommittedSink<Numbered & { nth: number }>()
  const flow = dataflow('numbering')
  flow
    .input('in', new PartsSource(parts, { batchSize: 4, slow: 20 }))
    .pipe(
      keyOn('key', ({ key }) => key),
      statefulMap('first', (count: number | null, item) => [(count ?? 0) + 1, item]),
      map('value', ([, item]) => item),
      keyOn('again', ({ key }) => `${key}!`),
      statefulMap('second', (count: number | null, item) => [
        (count ?? 0) + 1,
        { ...item, nth: (count ?? 0) + 1 },
      ]),
      map('row', ([, row]) => row),
    )
    .output('out', sink)
  return { flow, sink }
}

describe('A cluster through lost, doubled and late datagrams, partitions, clogs, crashes, failing disks, pauses and clocks that jump', function () {
  this.timeout(RUNS * 10_000)

  it('leaves what an undisturbed worker leaves, on any number of workers', async () => {
    const ends = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(flowPlan, world, async (plan, how) => {
        const alone = randomFlow(plan)
        await simulate(alone.flow, { faults: {} })
        const { flow, sink } = randomFlow(plan)
        tally(ends, await simulate(flow, how))
        expect(sink.items.sort()).to.deep.equal(alone.sink.items.sort())
      }),
      { numRuns: RUNS },
    )
    expect(ends.get('crashed')).to.be.greaterThan(0)
  })

  it('commits each item once, and those of a key from one partition in their order', async () => {
    const items = 40
    await fc.assert(
      fc.asyncProperty(world, async (how) => {
        const { flow, sink } = numbering(items)
        await simulate(flow, how)
        const places = sink.items.map(({ part, at }) => part * items + at).sort((a, b) => a - b)
        expect(places).to.deep.equal(Array.from({ length: 3 * items }, (_, place) => place))
        const byNth = [...sink.items].sort((a, b) => a.nth - b.nth)
        const last = new Map<string, number>()
        for (const { key, part, at, nth } of byNth) {
          expect(at).to.be.greaterThan(last.get(`${key}/${part}`) ?? -1)
          last.set(`${key}/${part}`, at)
          expect(nth).to.equal((last.get(key) ?? 0) + 1)
          last.set(key, nth)
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('holds no more than its bounds while workers can not reach one another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const part = Array.from({ length: 60_000 }, (_, n) => n)
        const source = new PartsSource([part, part], { batchSize: 1000 })
        const flow = dataflow('bounds')
        let taken = 0
        let most = 0
        flow
          .input('in', source)
          .pipe(
            keyOn('key', (n) => String(n % 97)),
            statefulMap('count', (count: number | null) => [(count ?? 0) + 1, count]),
            map('take', () => {
              taken += 1
              most = Math.max(most, source.polled - taken)
            }),
          )
          .output('out', new CommittedSink())
        await simulate(flow, {
          seed,
          workers: 3,
          epochInterval: 50,
          store: null,
          // What makes nobody lose anybody: the flow is to go on, not to begin anew.
          faults: { network: { loss: 0.1, partitions: 0, clogs: 0, outages: 2 } },
        })
        expect(taken).to.equal(120_000)
        expect(most).to.be.lessThan(80_000)
      }),
      { numRuns: Math.ceil(RUNS / 10) },
    )
  })
})
