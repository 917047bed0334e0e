import { expect } from 'chai'
import { BuildError, dataflow, type KeyedStream, type Operator } from 'tidemark'
import {
  filterMapValue,
  filterValue,
  flatMapValue,
  keyed,
  keyOn,
  keyRm,
  mapValue,
} from 'tidemark/operators'
import { TestingSource } from 'tidemark/testing'
import { all, evenMore, failure, isOdd, through, untyped } from '../support/through.ts'

describe('keyOn and keyed', () => {
  it('give keys', async () => {
    expect(await through([1, 2, 3], keyOn('k', String))).to.deep.equal([
      ['1', 1],
      ['2', 2],
      ['3', 3],
    ])
    expect(await through(all([1, 2]), keyed('k'))).to.deep.equal(all([1, 2]))
  })

  it('refuse a key that is no string', async () => {
    const bad = untyped((n: number) => n)
    expect((await failure(through([1], keyOn('k', bad)))).message).to.include('must be a `string`')
  })

  it('refuse what is no pair', async () => {
    for (const item of [7, null, ['a'], [1, 2], ['a', 1, 2], { 0: 'a', 1: 1, length: 2 }]) {
      const items = untyped([item])
      expect(
        (await failure(through<[string, number], unknown>(items, keyed('k')))).message,
      ).to.include('[key, value] pair')
    }
  })

  it('let the keys be taken away again', async () => {
    expect(await through([1, 2], (up) => up.pipe(keyOn('k', String), keyRm('rm')))).to.deep.equal([
      1, 2,
    ])
  })
})

describe('the steps on values', () => {
  const keyedThrough = <W>(
    items: readonly number[],
    operator: Operator<KeyedStream<number>, KeyedStream<W>>,
  ): Promise<(readonly [string, W])[]> => through(all(items), (up) => up.pipe(keyed('k'), operator))

  it('keep the key', async () => {
    expect(
      await keyedThrough(
        [0, 1, 2],
        mapValue('v', (n) => n + 1),
      ),
    ).to.deep.equal(all([1, 2, 3]))
    expect(await keyedThrough([1, 2, 3], filterValue('v', isOdd))).to.deep.equal(all([1, 3]))
    expect(await keyedThrough([0, 1, 2, 3, 4, 5], filterMapValue('v', evenMore))).to.deep.equal(
      all([2, 4, 6]),
    )
    expect(
      await keyedThrough(
        [1, 2],
        flatMapValue('v', (n) => [n, -n]),
      ),
    ).to.deep.equal(all([1, -1, 2, -2]))
  })

  it('refuse a stream without keys, also where no type does', () => {
    const numbers = dataflow('test').input('in', new TestingSource([1]))
    for (const operator of [
      mapValue('a', untyped(String)),
      filterValue('b', untyped(isOdd)),
      filterMapValue('c', untyped(evenMore)),
      flatMapValue('d', untyped(String)),
      keyRm('e'),
    ]) {
      expect(() => operator(untyped(numbers))).to.throw(BuildError, 'needs a keyed stream')
    }
  })
})
