import { expect } from 'chai'
import { TidemarkError } from '../../lib/errors/errors.ts'
import { EOF } from '../../lib/flow/source.ts'
import {
  describeSink,
  ffwdIter,
  pollNextBatch,
  TestingSink,
  TestingSource,
  TimeTestingGetter,
} from '../../testing/index.ts'

describeSink('TestingSink', () => {
  const sink = new TestingSink<number>()
  return { sink, items: [1, 2, 3], written: () => sink.getOutput() }
})

describe('TestingSink', () => {
  it('adds to the array it is given', async () => {
    const items = [0]
    const sink = new TestingSink(items)
    await sink.build('out', 0, 1).writeBatch([1, 2])
    expect(items).to.deep.equal([0, 1, 2])
    expect(sink.items).to.equal(items)
  })
})

describe('TimeTestingGetter', () => {
  it('stands still until it is advanced, also without its object', () => {
    const time = new TimeTestingGetter(new Date(1_000))
    const { now, get } = time
    time.advance({ seconds: 5 })
    expect([now(), get()]).to.deep.equal([6_000, 6_000])
  })
})

describe('ffwdIter', () => {
  it('drops items, and stops at the end', () => {
    const iterator = [0, 1, 2, 3, 4][Symbol.iterator]()
    iterator.next()
    expect(ffwdIter(iterator, 3).next().value).to.equal(4)
    expect(ffwdIter(iterator, 3).next().done).to.equal(true)
  })
})

describe('pollNextBatch', () => {
  it('asks until items come, and tells the end', async () => {
    const part = new TestingSource([TestingSource.PAUSE(1), 'a']).buildPart('in', 'iterable', null)
    expect(await pollNextBatch(part, 1_000)).to.deep.equal(['a'])
    expect(await pollNextBatch(part, 1_000)).to.equal(EOF)
  })

  it('fails when nothing comes in time', async () => {
    const part = new TestingSource([
      TestingSource.PAUSE(1),
      TestingSource.PAUSE(60_000),
      'a',
    ]).buildPart('in', 'iterable', null)
    const failure = await pollNextBatch(part, 0).catch((cause: unknown) => cause)
    expect(failure).to.be.instanceOf(TidemarkError)
  })
})
