import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import { inspect, inspectDebug, raises } from 'tidemark/operators'
import { TestingSource } from 'tidemark/testing'
import { failure, through } from '../support/through.ts'

describe('inspect', () => {
  it('sees the full step id and each item, which goes on', async () => {
    const seen: unknown[] = []
    const items = await through(
      ['a'],
      inspect('insp', (...args) => void seen.push(args)),
    )
    expect(seen).to.deep.equal([['test.insp', 'a']])
    expect(items).to.deep.equal(['a'])
  })

  it('is enough of an output', async () => {
    const flow = dataflow('test')
    const seen: string[] = []
    flow
      .input('in', new TestingSource(['a']))
      .pipe(inspect('insp', (_, item) => void seen.push(item)))
    await run(flow)
    expect(seen).to.deep.equal(['a'])
  })

  it('prints where it is given no inspector', async () => {
    const flow = dataflow('test_df')
    const numbers = flow.input('in', new TestingSource([{ a: 'x' }]))
    numbers.pipe(inspect('insp'))
    numbers.pipe(inspectDebug('debug'))
    const written: string[] = []
    const { write } = process.stdout
    process.stdout.write = ((text: string) => written.push(text) > 0) as typeof write
    try {
      await run(flow)
    } finally {
      process.stdout.write = write
    }
    expect(written).to.have.members([
      "test_df.insp: { a: 'x' }\n",
      "test_df.debug W0 @1: { a: 'x' }\n",
    ])
  })
})

describe('inspectDebug', () => {
  it('sees step id, item, epoch and worker', async () => {
    const seen: unknown[] = []
    await through(
      ['a', 'b', 'c'],
      inspectDebug('insp', (...args) => void seen.push(args)),
      { epochInterval: 0 },
    )
    expect(seen).to.deep.equal([
      ['test.insp', 'a', 1, 0],
      ['test.insp', 'b', 1, 0],
      ['test.insp', 'c', 2, 0],
    ])
  })
})

describe('raises', () => {
  it('lets no item pass', async () => {
    const flow = dataflow('test')
    flow.input('in', new TestingSource([1])).pipe(raises('none'))
    const error = await failure(run(flow))
    expect(error.message).to.include('Step "test.none"').and.to.include('got an item')
  })

  it('is an output, and content with nothing', async () => {
    const flow = dataflow('test')
    flow.input('in', new TestingSource([])).pipe(raises('none'))
    expect((await run(flow)).reason).to.equal('eof')
  })
})
