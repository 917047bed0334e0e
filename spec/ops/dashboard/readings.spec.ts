import { expect } from 'chai'
import fc from 'fast-check'
import { start } from 'tidemark'
import { quantiles, readingsOf } from '../../../ops/dashboard/page/readings.ts'
import { EventCutter } from '../../../ops/dashboard/page/sse.ts'
import type { FlowNow } from '../../../ops/doctor/flow-now.ts'
import { waiting } from '../api/served.ts'

/** A real look at a flow that is through with its five items, as if taken at another time. */
const look = async (): Promise<FlowNow> => {
  const { flow, through } = waiting()
  const execution = start(flow, { epochInterval: 20 })
  await through
  const workers = await execution.observe()
  const now = { flow: flow.id, time: 10_000, messages: [], sinceCommit: 1, workers }
  const { epoch, committed, itemsIn, itemsOut, skipped } = execution.metrics()
  await execution.stop()
  return { ...now, epoch, committed, itemsIn, itemsOut, skipped }
}

describe('What the dashboard reads out of two looks', () => {
  let later: FlowNow
  let earlier: FlowNow

  before(async () => {
    later = await look()
    earlier = {
      ...later,
      time: 8000,
      itemsIn: 1,
      itemsOut: 1,
      workers: later.workers.map((worker) => ({
        ...worker,
        steps: worker.steps.map((step) => ({
          ...step,
          itemsIn: step.itemsIn - 4,
          itemsOut: step.itemsOut.map((items) => items - 2),
          batches: { ...step.batches, sum: step.batches.sum - (step.step === 'sum' ? 1800 : 10) },
        })),
      })),
    }
  })

  it('is what passed in a second', () => {
    const { rateIn, rateOut, steps } = readingsOf({ before: earlier, after: later })
    expect([rateIn, rateOut]).to.deep.equal([2, 2])
    expect(steps.get('sum')?.rateIn).to.equal(2)
    expect(steps.get('in')?.ratesOut).to.deep.equal([1])
  })

  it('is how long it is to the sinks, once an epoch has ended in between', () => {
    expect(readingsOf({ before: later, after: later }).latency).to.equal(null)
    const workers = later.workers.map((worker) => ({
      ...worker,
      steps: worker.steps.map((step) => {
        if (step.latency === null) return step
        const counts = step.latency.counts.map((number, at) => number + (at < 2 ? 1 : 0))
        return { ...step, latency: { counts, sum: step.latency.sum + 30 } }
      }),
    }))
    const { latency } = readingsOf({ before: later, after: { ...later, workers } })
    expect(latency).to.be.closeTo(15, 0.001)
  })

  it('is which step is slow', () => {
    const { slowest } = readingsOf({ before: earlier, after: later })
    expect(slowest?.step).to.equal('sum')
    expect(slowest?.busy).to.be.closeTo(0.9, 0.001)
  })

  it('is nothing below zero where the flow has been started again meanwhile', () => {
    const { rateIn, steps } = readingsOf({ before: later, after: { ...earlier, time: 12_000 } })
    expect(rateIn).to.equal(0)
    for (const { rateIn: own, ratesOut, busy } of steps.values()) {
      expect(Math.min(own, busy, ...ratesOut)).to.be.at.least(0)
    }
  })

  it('is who holds the watermark back, where others are ahead', () => {
    const part = (name: string, watermark: number | null) => ({
      source: 'waiting.in',
      part: name,
      watermark,
      movedAt: null,
      idleFor: 0,
      ahead: false,
    })
    const withParts = (...parts: ReturnType<typeof part>[]): FlowNow => ({
      ...later,
      workers: later.workers.map((worker) => ({
        ...worker,
        steps: worker.steps.map((step) => ({
          ...step,
          parts: step.step === 'same' ? parts : null,
        })),
      })),
    })
    const holders = (now: FlowNow): readonly string[] =>
      readingsOf({ before: earlier, after: now })
        .parts.filter(({ holds }) => holds)
        .map((each) => each.part)
    expect(holders(withParts(part('a', 9000), part('b', 4000)))).to.deep.equal(['b'])
    expect(holders(withParts(part('a', 9000), part('b', 8500)))).to.deep.equal([])
    expect(holders(withParts(part('a', 9000), part('b', null)))).to.deep.equal(['b'])
    expect(readingsOf({ before: earlier, after: withParts(part('a', 4000)) }).behind).to.equal(6000)
  })

  it('is within how long half of the batches were, and nearly all', () => {
    const none = Array(16).fill(0) as number[]
    const counts = none.with(2, 90).with(9, 10)
    const { middle, most } = quantiles(counts, none) ?? { middle: 0, most: 0 }
    expect(middle).to.be.within(0.5, 1)
    expect(most).to.be.within(100, 250)
    expect(quantiles(counts, counts)).to.equal(null)
  })
})

describe('A stream of events', () => {
  it('is cut into the same events, however it is cut on its way', () => {
    const text = 'retry: 2000\n\ndata: {"a":1}\n\nevent: end\ndata: {}\n\n'
    const whole = new EventCutter().take(text)
    expect(whole).to.deep.equal([
      { name: 'message', data: '{"a":1}' },
      { name: 'end', data: '{}' },
    ])
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length })), (places) => {
        const cuts = [0, ...places.toSorted((a, b) => a - b), text.length]
        const cutter = new EventCutter()
        const events = cuts.flatMap((from, at) =>
          cutter.take(text.slice(from, cuts[at + 1] ?? from)),
        )
        expect(events).to.deep.equal(whole)
      }),
    )
  })
})
