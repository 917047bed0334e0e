import { expect } from 'chai'
import { dataflow, start } from 'tidemark'
import { inspect, mapAsync } from 'tidemark/operators'
import { TestingSource } from 'tidemark/testing'

describe('a stream that ends in an inspector', () => {
  it('commits no epoch before the inspector has seen all of it', async () => {
    const seen: number[] = []
    const gate = deferred()
    const flow = dataflow('ends')
    flow.input('in', new TestingSource([1, 2, 3])).pipe(
      mapAsync(
        'later',
        async (n) => {
          await gate.promise
          return n
        },
        { concurrency: 4 },
      ),
      inspect('look', (_, n) => seen.push(n)),
    )

    const execution = start(flow, { epochInterval: 0 })
    const commits: (readonly [epoch: number, seen: number])[] = []
    execution.events$.subscribe((event) => {
      if (event.kind === 'committed') commits.push([event.epoch, seen.length])
      if (event.kind === 'committed' && event.epoch === 1) gate.resolve()
    })
    await execution.done

    expect(seen).to.deep.equal([1, 2, 3])
    for (const [epoch, count] of commits) expect(count).to.be.at.least(Math.min(3, epoch - 1))
  })
})

const deferred = (): { promise: Promise<void>; resolve: () => void } => {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
