import { expect } from 'chai'
import { Collector, type TakenSpan } from '../ops/tracing/collector.ts'
import { type Child, installed } from './children.ts'

const FLOW = 'spec/ops/flows/traced.ts'

describe('tidemark run --trace @long', () => {
  let collector: Collector
  const children: Child[] = []

  beforeEach(async () => {
    collector = await Collector.open()
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.discard()
    await collector.close()
  })

  const run = async (...args: readonly string[]): Promise<Child> => {
    const child = installed(['run', FLOW, ...args])
    children.push(child)
    expect(await child.ends(), child.stderr).to.equal(0)
    return child
  }
  const of = (spans: readonly TakenSpan[], fact: string): ReadonlySet<unknown> =>
    new Set(spans.map(({ attributes }) => attributes[`tidemark.${fact}`]))

  for (const [what, args] of [
    ['threads', ['-w', '2']],
    ['processes', ['-p', '2']],
  ] as const) {
    it(`has one trace of an epoch for two ${what}, with what each did in it`, async () => {
      await run(...args, '--trace', collector.endpoint)
      const [epoch] = collector
        .named('tidemark.epoch')
        .filter(({ attributes }) => attributes['tidemark.epoch'] === 1)
      const inEpoch = collector.spans.filter(({ traceId }) => traceId === epoch?.traceId)
      const shares = inEpoch.filter(({ name }) => name === 'tidemark.worker')
      expect(shares.map(({ attributes }) => attributes['tidemark.worker'])).to.have.members([0, 1])
      for (const { parentSpanId } of shares) expect(parentSpanId).to.equal(epoch?.spanId)
      // The keys are shared out, so items of the one partition have crossed to the other worker.
      const sums = inEpoch.filter(({ attributes }) => attributes['tidemark.step'] === 'sum')
      expect([...of(sums, 'worker')]).to.have.members([0, 1])
      for (const { parentSpanId, attributes } of sums) {
        const share = shares.find(
          (each) => each.attributes['tidemark.worker'] === attributes['tidemark.worker'],
        )
        expect(parentSpanId).to.equal(share?.spanId)
      }
      const [whole, ...others] = collector.named('tidemark.run')
      expect(others).to.deep.equal([])
      expect(whole?.attributes).to.include({ 'tidemark.workers': 2, 'tidemark.flow': 'traced' })
      expect(epoch?.links).to.deep.equal([{ traceId: whole?.traceId, spanId: whole?.spanId }])
      expect(whole?.service).to.equal('traced')
    })
  }

  it('sends nothing at --trace-ratio 0', async () => {
    await run('--trace', collector.endpoint, '--trace-ratio', '0')
    expect(collector.spans).to.deep.equal([])
  })
})
