import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import { broadcast, inspectDebug, keyOn, merge, redistribute } from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'
import { through } from '../support/through.ts'

describe('merge', () => {
  it('has the items of all streams, one batch of each source a turn', async () => {
    const flow = dataflow('test')
    const odds = flow.input('odds', new TestingSource([1, 3, 5]))
    const evens = flow.input('evens', new TestingSource([2, 4, 6]))
    const huge = flow.input('huge', new TestingSource([100, 200, 300]))
    const sink = new TestingSink<number>()
    odds.pipe(merge('all', evens, huge)).output('out', sink)
    await run(flow)
    expect(sink.items).to.deep.equal([1, 2, 100, 3, 4, 200, 5, 6, 300])
  })

  it('gives pairs where only some of the streams are keyed', async () => {
    const flow = dataflow('test')
    const plain = flow.input('in', new TestingSource([1]))
    const sink = new TestingSink<unknown>()
    plain.pipe(keyOn('key', String), merge('all', plain)).output('out', sink)
    await run(flow)
    expect(sink.items).to.have.deep.members([['1', 1], 1])
  })

  it('takes the same stream twice', async () => {
    expect(await through([1, 2], (up) => up.pipe(merge('twice', up)))).to.have.members([1, 1, 2, 2])
  })
})

describe('redistribute', () => {
  it('spreads items over the workers and loses none', async () => {
    const flow = dataflow('test')
    const seen: [number, number][] = []
    flow.input('in', new TestingSource([1, 2, 3, 4], { batchSize: 4 })).pipe(
      redistribute('spread'),
      inspectDebug('seen', (_stepId, item, _epoch, worker) => void seen.push([item, worker])),
    )
    await run(flow, { workers: 2 })
    expect(seen.map(([item]) => item).sort()).to.deep.equal([1, 2, 3, 4])
    expect(new Set(seen.map(([, worker]) => worker)).size).to.equal(2)
  })
})

describe('broadcast', () => {
  it('gives every worker every item', async () => {
    const flow = dataflow('test')
    const seen: string[] = []
    flow.input('in', new TestingSource([1, 2])).pipe(
      broadcast('all'),
      inspectDebug('seen', (_stepId, item, _epoch, worker) => void seen.push(`${worker}:${item}`)),
    )
    await run(flow, { workers: 3 })
    expect(seen.sort()).to.deep.equal(['0:1', '0:2', '1:1', '1:2', '2:1', '2:2'])
  })
})
