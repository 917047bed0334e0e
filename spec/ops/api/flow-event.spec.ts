import { expect } from 'chai'
import { start } from 'tidemark'
import type { StepNow } from '../../../lib/worker/worker-facts.ts'
import { bounded } from '../../../ops/api/flow-event.ts'
import { waiting } from './served.ts'

describe('An event of a live stream', () => {
  it('stays small, however long names and keys are and however many partitions wait', async () => {
    const { flow, through } = waiting()
    const execution = start(flow)
    await through
    const [worker] = await execution.observe()
    await execution.stop()
    if (worker === undefined) throw new Error('no worker')
    const long = 'k'.repeat(100_000)
    const huge = (step: StepNow): StepNow => ({
      ...step,
      hotKeys: [[long, 0.5]],
      lags: Array.from({ length: 10_000 }, (_, at) => [`${long}${at}`, at] as const),
      parts: [{ source: 'in', part: long, watermark: 1, movedAt: null, idleFor: 0, ahead: false }],
    })
    const event = bounded({ ...worker, steps: worker.steps.map(huge) })
    expect(JSON.stringify(event).length).to.be.lessThan(5000 * event.steps.length)
    expect(event.steps[0]?.lags[0]?.[1]).to.equal(9999)
  })
})
