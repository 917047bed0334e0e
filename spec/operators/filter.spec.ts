import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import { branch, filter, filterMap, keyOn, map } from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'
import { evenMore, failure, isOdd, through, untyped } from '../support/through.ts'

describe('filter', () => {
  it('keeps what passes', async () => {
    expect(await through([1, 2, 3], filter('f', isOdd))).to.deep.equal([1, 3])
  })

  it('refuses anything but a boolean', async () => {
    const truthy = untyped((n: number) => n)
    const error = await failure(through([1], filter('f', truthy)))
    expect(error.message).to.include('(a `boolean`); got a number')
  })
})

describe('filterMap', () => {
  it('drops null and undefined, and nothing else', async () => {
    expect(await through([0, 1, 2, 3, 4, 5], filterMap('f', evenMore))).to.deep.equal([2, 4, 6])
    expect(
      await through(
        [null, undefined, 0, '', false],
        filterMap('f', (item) => item),
      ),
    ).to.deep.equal([0, '', false])
  })
})

describe('branch', () => {
  const both = async <T, S extends T>(
    items: readonly T[],
    test: ((item: T) => item is S) | ((item: T) => boolean),
  ): Promise<[T[], T[]]> => {
    const flow = dataflow('test')
    const yes = new TestingSink<T>()
    const no = new TestingSink<T>()
    const out = flow.input('in', new TestingSource(items)).pipe(branch('b', test))
    out.trues.output('trues', yes)
    out.falses.output('falses', no)
    await run(flow)
    return [yes.items, no.items]
  }

  it('sends each item down one of two streams', async () => {
    expect(await both([1, 2, 3], isOdd)).to.deep.equal([[1, 3], [2]])
  })

  it('takes a type guard', async () => {
    const isText = (item: number | string): item is string => typeof item === 'string'
    expect(await both([1, 'a', 2, 'b'], isText)).to.deep.equal([
      ['a', 'b'],
      [1, 2],
    ])
  })

  it('refuses anything but a boolean', async () => {
    const error = await failure(
      both(
        [1],
        untyped((n: number) => `${n}`),
      ),
    )
    expect(error.message).to.include('(a `boolean`); got a string')
    expect(error.callback).to.equal('predicate')
  })

  it('loses nothing of many items and keeps their order', async () => {
    const numbers = Array.from({ length: 100_000 }, (_, n) => n)
    const [odd, even] = await both(numbers, isOdd)
    expect(odd).to.deep.equal(numbers.filter(isOdd))
    expect(even).to.deep.equal(numbers.filter((n) => !isOdd(n)))
  })

  it('keeps keys on both sides', async () => {
    const flow = dataflow('test')
    const out = flow.input('in', new TestingSource([1, 2])).pipe(
      keyOn('key', String),
      branch('b', ([, n]) => isOdd(n)),
    )
    const sink = new TestingSink<string>()
    const show = ([key, n]: readonly [string, number]) => `${key}:${n}`
    out.trues.pipe(map('t', show)).output('trues', sink)
    out.falses.pipe(map('f', show)).output('falses', sink)
    await run(flow)
    expect(sink.items.sort()).to.deep.equal(['1:1', '2:2'])
  })
})
