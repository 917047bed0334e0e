import { expect } from 'chai'
import fc from 'fast-check'
import { dataflow, run } from 'tidemark'
import { inspectDebug, mapAsync } from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'
import { World } from '../support/async-world.ts'

describe('mapAsync', () => {
  it('gives results in the order of their items', async () => {
    const world = new World()
    await world.run(
      [5, 1, 4, 2],
      world.call((n) => n * 100),
      { concurrency: 4 },
    )
    expect(world.sink.items).to.deep.equal([50, 10, 40, 20])
  })

  it('gives results as they come where order is not asked for', async () => {
    const world = new World()
    await world.run(
      [5, 1, 4, 2],
      world.call((n) => n * 100),
      { concurrency: 4, ordered: false },
    )
    expect(world.sink.items).to.deep.equal([10, 20, 40, 50])
  })

  it('takes later batches while earlier calls are pending, up to its concurrency', async () => {
    const world = new World()
    await world.run(
      [1, 2, 3, 4, 5, 6, 7],
      world.call(() => 100),
      { concurrency: 3 },
    )
    expect(world.most).to.equal(3)
    expect(world.sink.items).to.deep.equal([10, 20, 30, 40, 50, 60, 70])
  })

  it('has no more calls pending than its concurrency, however large a batch is', async () => {
    const world = new World()
    const items = Array.from({ length: 50 }, (_, at) => at)
    await world.run(
      items,
      world.call((n) => (n % 7) * 10),
      { concurrency: 4, batchSize: 50 },
    )
    expect(world.most).to.equal(4)
    expect(world.began).to.deep.equal(items)
    expect(world.sink.items).to.deep.equal(items.map((n) => n * 10))
  })

  it('takes values that are no promises', async () => {
    const world = new World()
    await world.run([1, 2, 3], (n) => (n === 2 ? Promise.resolve(n) : n), { concurrency: 2 })
    expect(world.sink.items).to.deep.equal([1, 2, 3])
  })

  it('ends with no item, and with results that are still to come when input ends', async () => {
    const none = new World()
    await none.run([], () => 1, { concurrency: 1 })
    expect(none.sink.items).to.deep.equal([])
    const one = new World()
    expect(
      (
        await one.run(
          [1],
          one.call(() => 5000),
          { concurrency: 1 },
        )
      ).itemsOut,
    ).to.equal(1)
  })

  for (const ordered of [true, false]) {
    it(`keeps results in the epoch of their items, ordered: ${ordered}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 30 }),
          fc.integer({ min: 1, max: 5 }),
          fc.nat(),
          async (delays, concurrency, seed) => {
            const world = new World(seed)
            const came = new Map<number, number>()
            const left = new Map<number, number>()
            const flow = dataflow('test')
            const order: number[] = []
            flow
              .input('in', new TestingSource(delays.map((_, at) => at)))
              .pipe(
                inspectDebug('before', (_id, item, epoch) => void came.set(item, epoch)),
                mapAsync('call', (item) => world.wait(delays[item] as number).then(() => item), {
                  concurrency,
                  ordered,
                }),
                inspectDebug('after', (_id, item, epoch) => {
                  left.set(item, epoch)
                  order.push(item)
                }),
              )
              .output('out', new TestingSink())
            await world.runtime.run(run(flow, { runtime: world.runtime, epochInterval: 50 }))
            expect(left).to.deep.equal(came)
            const epochs = order.map((item) => left.get(item) as number)
            expect(epochs).to.deep.equal(epochs.toSorted((a, b) => a - b))
            if (ordered) expect(order).to.deep.equal(delays.map((_, at) => at))
          },
        ),
        { numRuns: 40 },
      )
    })
  }
})
