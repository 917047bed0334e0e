import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import { flatMap, flatMapBatch, flatten } from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'
import { failure, through, untyped } from '../support/through.ts'

describe('flatMap', () => {
  it('takes arrays, generators and strings', async () => {
    expect(
      await through(
        ['split this'],
        flatMap('f', (line) => line.split(' ')),
      ),
    ).to.deep.equal(['split', 'this'])
    const repeat = function* ([text, times]: readonly [string, number]) {
      for (let n = 0; n < times; n++) yield text
    }
    const items: [string, number][] = [
      ['a', 2],
      ['b', 4],
    ]
    expect(await through(items, flatMap('f', repeat))).to.deep.equal([...'aabbbb'])
    expect(
      await through(
        ['ab'],
        flatMap('f', (text) => text),
      ),
    ).to.deep.equal(['a', 'b'])
  })

  it('refuses what cannot be iterated', async () => {
    const bad = untyped((n: number) => n)
    const error = await failure(through([1], flatMap('f', bad)))
    expect(error.message).to.include('needs to be iterable')
  })

  it('leaves nothing behind of an item whose generator throws half-way', async () => {
    const halting = function* (n: number) {
      yield n
      if (n === 2) throw new Error('half-way')
      yield -n
    }
    const items = await through([1, 2, 3], flatMap('f', halting), { onError: 'skip' })
    expect(items).to.deep.equal([1, -1, 3, -3])
  })
})

describe('flatMapBatch', () => {
  it('sees batches whose items are in order', async () => {
    const words = function* (lines: string[]) {
      for (const line of lines) yield* line.split(' ')
    }
    expect(await through(['all in', 'one batch'], flatMapBatch('f', words))).to.deep.equal([
      'all',
      'in',
      'one',
      'batch',
    ])
  })

  it('loses nothing of many items and keeps their order', async () => {
    const numbers = Array.from({ length: 100_000 }, (_, n) => n)
    expect(
      await through(
        numbers,
        flatMapBatch('f', (batch) => batch),
      ),
    ).to.deep.equal(numbers)
  })

  it('owns the array it is given', async () => {
    const flow = dataflow('test')
    const sink = new TestingSink<number>()
    const numbers = flow.input('in', new TestingSource([1, 2, 3], { batchSize: 3 }))
    numbers
      .pipe(flatMapBatch('take', (items) => items.splice(0)))
      .output('taken', new TestingSink())
    numbers.output('out', sink)
    await run(flow)
    expect(sink.items).to.deep.equal([1, 2, 3])
  })
})

describe('flatten', () => {
  it('takes iterables apart', async () => {
    expect(await through([[1, 2], [], [3]], flatten('f'))).to.deep.equal([1, 2, 3])
  })

  it('refuses an item that is none', async () => {
    const error = await failure(through<number[], number>(untyped([666]), flatten('f')))
    expect(error.message).to.include('to be iterables')
    expect(error.item).to.equal(666)
  })
})
