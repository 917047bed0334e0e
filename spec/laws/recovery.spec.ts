import { expect } from 'chai'
import fc from 'fast-check'
import { dataflow } from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'
import { simulate } from 'tidemark/testing'
import { rounds } from '../support/effort.ts'
import { PartsSource } from '../support/parts-source.ts'
import { PositionSink } from '../support/position-sink.ts'
import { type FlowPlan, flowPlan, randomFlow } from '../support/random-flow.ts'

const RUNS = rounds({ test: 100, ci: 300, torture: 10_000 })

/** What a run without faults leaves in the sink. */
const undisturbed = async (plan: FlowPlan): Promise<string[]> => {
  const { flow, sink } = randomFlow(plan)
  await simulate(flow, { workers: 1, faults: {} })
  return sink.items.sort()
}

const world = fc.record({
  seed: fc.nat(),
  workers: fc.array(fc.constantFrom(1, 2, 3, 5, 7), { minLength: 1, maxLength: 4 }),
  epochInterval: fc.constantFrom(0, 1, 10, 100, 5000),
  crashes: fc.integer({ min: 0, max: 5 }),
  pauses: fc.integer({ min: 0, max: 2 }),
  clock: fc.record({ jumps: fc.integer({ min: 0, max: 1 }) }),
  within: fc.constantFrom(30, 200, 800),
  disk: fc.record({ delay: fc.constant(20), failures: fc.constantFrom(0, 0, 0.1) }),
})

describe('A flow that is stopped anywhere and resumed', function () {
  this.timeout(RUNS * 10_000)

  it('leaves what an undisturbed run leaves, on any number of workers', async () => {
    let crashed = 0
    await fc.assert(
      fc.asyncProperty(
        flowPlan,
        world,
        async (plan, { seed, workers, epochInterval, ...faults }) => {
          const { flow, sink } = randomFlow(plan)
          const { executions } = await simulate(flow, { seed, workers, epochInterval, faults })
          crashed += executions.length - 1
          expect(sink.items.sort()).to.deep.equal(await undisturbed(plan))
        },
      ),
      { numRuns: RUNS },
    )
    expect(crashed).to.be.greaterThan(0)
  })

  it('keeps the rows of an epoch apart from the changes of the next while they are written', async () => {
    const KEYS = 1500
    const items = Array.from({ length: 9 * KEYS }, (_, n) => n)
    for (let seed = 0; seed < 12; seed++) {
      const sink = new PositionSink<number>(2)
      const flow = dataflow('many-keys')
      flow
        .input('in', new PartsSource([items], { batchSize: KEYS, slow: 60 }))
        .pipe(
          keyOn('key', (n) => `k${n % KEYS}`),
          statefulMap('count', (count: number | null) => [(count ?? 0) + 1, (count ?? 0) + 1]),
        )
        .output('out', sink)
      await simulate(flow, {
        seed,
        workers: 1,
        epochInterval: 0,
        faults: { crashes: 3, within: 40 },
      })
      const counts = new Map<number, number>()
      for (const count of sink.items) counts.set(count, (counts.get(count) ?? 0) + 1)
      expect([...counts].sort()).to.deep.equal(
        [1, 2, 3, 4, 5, 6, 7, 8, 9].map((count) => [count, KEYS]),
      )
    }
  })
})
