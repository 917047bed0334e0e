import { expect } from 'chai'
import { AbortExecution } from '../../lib/errors/errors.ts'
import { EOF } from '../../lib/flow/source.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { describeSource, TestingSource, TimeTestingGetter } from '../../testing/index.ts'

const open = <T>(source: TestingSource<T>, resume: number | null = null) =>
  source.buildPart('in', 'iterable', resume)

describeSource('TestingSource', () => ({
  source: new TestingSource([1, 2, 3, 4]),
  items: [1, 2, 3, 4],
}))

describe('TestingSource', () => {
  it('gives an item a batch, then its end', () => {
    const part = open(new TestingSource([0, 1, 2]))
    expect([part.nextBatch(), part.nextBatch(), part.nextBatch()]).to.deep.equal([[0], [1], [2]])
    expect(part.nextBatch()).to.equal(EOF)
  })

  it('resumes behind the items handed over', () => {
    const source = new TestingSource([0, 1, 2])
    const part = open(source)
    void part.nextBatch()
    void part.nextBatch()
    expect(part.snapshot()).to.equal(2)
    expect(part.nextBatch()).to.deep.equal([2])
    const resumed = open(source, 2)
    expect(resumed.snapshot()).to.equal(2)
    expect(resumed.nextBatch()).to.deep.equal([2])
    expect(resumed.nextBatch()).to.equal(EOF)
  })

  it('fills batches to their size', () => {
    const part = open(new TestingSource([0, 1, 2, 3, 4], { batchSize: 2 }))
    expect([part.nextBatch(), part.nextBatch(), part.nextBatch()]).to.deep.equal([
      [0, 1],
      [2, 3],
      [4],
    ])
  })

  it('ends at EOF and goes on behind it', () => {
    const source = new TestingSource([0, 1, 2, TestingSource.EOF, 3, 4], { batchSize: 2 })
    const part = open(source)
    expect([part.nextBatch(), part.nextBatch()]).to.deep.equal([[0, 1], [2]])
    expect(part.nextBatch()).to.equal(EOF)
    expect(part.nextBatch()).to.equal(EOF)
    const resumed = open(source, part.snapshot())
    expect(resumed.nextBatch()).to.deep.equal([3, 4])
    expect(resumed.nextBatch()).to.equal(EOF)
  })

  it('meets an EOF again that lies behind the position', () => {
    const source = new TestingSource([0, 1, TestingSource.EOF, 2])
    const part = open(source, 1)
    expect(part.nextBatch()).to.deep.equal([1])
    expect(part.nextBatch()).to.equal(EOF)
  })

  it('aborts once in its life, and counts right afterwards', () => {
    const source = new TestingSource([0, 1, 2, TestingSource.ABORT, 3, 4], { batchSize: 2 })
    const part = open(source)
    expect(part.nextBatch()).to.deep.equal([0, 1])
    const position = part.snapshot()
    expect(part.nextBatch()).to.deep.equal([2])
    expect(() => part.nextBatch()).to.throw(AbortExecution)
    const resumed = open(source, position)
    expect([resumed.nextBatch(), resumed.nextBatch()]).to.deep.equal([[2, 3], [4]])
    expect(resumed.snapshot()).to.equal(5)
    expect(resumed.nextBatch()).to.equal(EOF)
  })

  it('passes over an abort exactly at the position, in another object too', () => {
    const items = [0, TestingSource.ABORT, 1]
    expect(open(new TestingSource(items), 1).nextBatch()).to.deep.equal([1])
    const early = open(new TestingSource(items), 0)
    void early.nextBatch()
    expect(() => early.nextBatch()).to.throw(AbortExecution)
  })

  it("pauses on the run's clock without counting it", () => {
    const time = new TimeTestingGetter(1_000)
    const source = new TestingSource([0, TestingSource.PAUSE({ seconds: 5 }), 1], { batchSize: 2 })
    source.useRun({ runtime: { ...systemRuntime, now: time.now }, recovery: false })
    const part = open(source)
    expect(part.nextBatch()).to.deep.equal([0])
    expect(part.nextAwake()).to.equal(6_000)
    expect(part.snapshot()).to.equal(1)
    expect(part.nextBatch()).to.deep.equal([1])
    expect(part.nextAwake()).to.equal(null)
    expect(open(source, 1).nextBatch()).to.deep.equal([1])
  })

  it('knows the type of its items beside markers', () => {
    const source: TestingSource<number> = new TestingSource([1, TestingSource.EOF, 2])
    expect(source.listParts()).to.deep.equal(['iterable'])
  })
})
