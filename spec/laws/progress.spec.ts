import { expect } from 'chai'
import fc from 'fast-check'
import { dataflow } from 'tidemark'
import { keyOn, map, statefulMap } from 'tidemark/operators'
import { clusterMain, simulate, TestingSink, VirtualRuntime } from 'tidemark/testing'
import { PartsSource } from '../support/parts-source.ts'
import { PositionSink } from '../support/position-sink.ts'
import { flowPlan, randomFlow } from '../support/random-flow.ts'

describe('Any interleaving', () => {
  it('gives the same results on 1, 2, 3 and 7 workers, for any batch size', async () => {
    const oneRun = fc.record({ seed: fc.nat(), batchSize: fc.constantFrom(1, 3, 64, 1000) })
    await fc.assert(
      fc.asyncProperty(flowPlan, oneRun, async (plan, { seed, batchSize }) => {
        const results: string[][] = []
        for (const workers of [1, 2, 3, 7]) {
          const { flow, sink } = randomFlow({ ...plan, batchSize })
          await clusterMain(flow, { workers, runtime: new VirtualRuntime({ seed }) })
          results.push(sink.items.sort())
        }
        for (const result of results) expect(result).to.deep.equal(results[0])
      }),
      { numRuns: 40 },
    )
  })

  it('moves no frontier and no watermark back, and lets no item come behind one', async () => {
    // The simulation watches every mailbox, and fails with a ProgressError.
    await fc.assert(
      fc.asyncProperty(
        flowPlan,
        fc.nat(),
        fc.integer({ min: 1, max: 7 }),
        async (plan, seed, workers) => {
          const { flow } = randomFlow(plan)
          const { signals } = await simulate(flow, {
            seed,
            workers,
            epochInterval: 0,
            faults: { pauses: 1 },
          })
          expect(signals).to.be.greaterThan(0)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('keeps the order of the items of a key from one partition, end to end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 7 }), async (seed, workers) => {
        const parts = [0, 1, 2].map((part) =>
          Array.from({ length: 60 }, (_, at) => ({ key: `k${(at * 7) % 4}`, part, at })),
        )
        const sink = new PositionSink<{ key: string; part: number; at: number }>(2, seed % 3)
        const flow = dataflow('order')
        flow
          .input('in', new PartsSource(parts, { batchSize: 4, slow: seed % 2 === 0 ? 0 : 10 }))
          .pipe(
            keyOn('key', (item) => item.key),
            statefulMap('pass', (n: number | null, item) => [(n ?? 0) + 1, item]),
            map('value', ([, item]) => item),
            keyOn('again', (item) => `${item.key}!`),
          )
          .output('out', sink)
        await simulate(flow, {
          seed,
          workers: [workers, 3, 2],
          epochInterval: 5,
          faults: { crashes: 1, within: 100 },
        })
        const last = new Map<string, number>()
        for (const { key, part, at } of sink.items) {
          expect(at).to.be.greaterThan(last.get(`${key}/${part}`) ?? -1)
          last.set(`${key}/${part}`, at)
        }
        expect(sink.items.length).to.equal(180)
      }),
      { numRuns: 40 },
    )
  })

  it('is the same again from the same seed, signal by signal', async () => {
    await fc.assert(
      fc.asyncProperty(flowPlan, fc.nat(), async (plan, seed) => {
        const options = {
          seed,
          workers: [3, 2],
          epochInterval: 10,
          faults: { crashes: 1, pauses: 1 },
        }
        const [one, other] = [randomFlow(plan), randomFlow(plan)]
        const first = await simulate(one.flow, options)
        const second = await simulate(other.flow, options)
        expect(second).to.deep.equal(first)
        expect(other.sink.items).to.deep.equal(one.sink.items)
      }),
      { numRuns: 20 },
    )
  })

  it('differs from seed to seed', async () => {
    const hashes = new Set<string>()
    for (let seed = 0; seed < 10; seed++) {
      const flow = dataflow('seeds')
      flow
        .input(
          'in',
          new PartsSource(
            [
              [1, 2, 3],
              [4, 5, 6],
            ],
            { batchSize: 1 },
          ),
        )
        .output('out', new TestingSink())
      hashes.add((await simulate(flow, { seed, workers: 3, epochInterval: 0, faults: {} })).hash)
    }
    expect(hashes.size).to.be.greaterThan(5)
  })
})
