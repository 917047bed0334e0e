import { expect } from 'chai'
import { type Metric, RandomMetricSource } from '../../connectors/demo/index.ts'
import { EOF } from '../../lib/flow/source.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { describeSource, TimeTestingGetter } from '../../testing/index.ts'

const METRICS: readonly Metric[] = [
  ['volts', 0],
  ['volts', 2],
  ['volts', 4],
]

describeSource('RandomMetricSource', () => ({
  source: new RandomMetricSource('volts', { interval: 0, count: 3, next: (index) => index * 2 }),
  items: METRICS,
}))

describe('RandomMetricSource', () => {
  it('gives as many numbers as it is told, then ends', () => {
    const source = new RandomMetricSource('volts', { interval: 0, count: 2, next: () => 42 })
    const part = source.buildPart('in', 'volts', null)
    expect([part.nextBatch(), part.nextBatch()]).to.deep.equal([[['volts', 42]], [['volts', 42]]])
    expect(part.nextBatch()).to.equal(EOF)
  })

  it("keeps its cadence on the run's clock", async () => {
    const source = new RandomMetricSource('volts', { count: 2 })
    const time = new TimeTestingGetter(1_000)
    source.useRun({ runtime: { ...systemRuntime, now: time.now }, recovery: false })
    const part = source.buildPart('in', 'volts', null)
    expect(part.nextAwake()).to.equal(1_000)
    await part.nextBatch()
    expect(part.nextAwake()).to.equal(1_700)
    await part.nextBatch()
    expect(part.nextAwake()).to.equal(null)
  })

  it('tells positions that later numbers do not change', async () => {
    const part = new RandomMetricSource('volts', { interval: 0 }).buildPart('in', 'volts', null)
    const position = part.snapshot()
    await part.nextBatch()
    expect(position.count).to.equal(0)
    expect(part.snapshot().count).to.equal(1)
  })

  it('gives the same numbers for a seed, from 0 to 9, wherever it resumes', async () => {
    const source = () => new RandomMetricSource('volts', { interval: 0, count: 200, seed: 7 })
    const numbers = async (from: number) => {
      const part = source().buildPart('in', 'volts', { awakeAt: 0, count: from })
      const given: number[] = []
      for (let batch = await part.nextBatch(); batch !== EOF; batch = await part.nextBatch()) {
        for (const [, value] of batch) given.push(value)
      }
      return given
    }
    const all = await numbers(0)
    expect(await numbers(50)).to.deep.equal(all.slice(50))
    expect([...new Set(all)].sort()).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })
})
