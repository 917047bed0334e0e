import { expect } from 'chai'
import { Mishaps } from '../../../lib/worker/mishaps.ts'

describe('The latest items that failed', () => {
  const failing = (item: unknown, error: unknown = new RangeError('no')) => ({
    callback: 'mapper',
    error,
    item,
  })

  it('are told with step, callback, error, picture and time', () => {
    const mishaps = new Mishaps()
    mishaps.note('parse', { ...failing({ id: 1, password: 'x' }), key: 'k' }, 5)
    expect(mishaps.latest).to.deep.equal([
      {
        step: 'parse',
        callback: 'mapper',
        error: 'RangeError: no',
        item: '{ id: 1, password: [redacted] }',
        key: '"k"',
        time: 5,
      },
    ])
  })

  it('are the last sixteen, the newest at the end', () => {
    const mishaps = new Mishaps()
    for (let n = 0; n < 41; n++) mishaps.note('parse', failing(n), n)
    expect(mishaps.latest.map(({ item }) => item)).to.deep.equal(
      Array.from({ length: 16 }, (_, at) => String(at + 25)),
    )
  })

  it('are short, however long the item and the error are', () => {
    const mishaps = new Mishaps()
    mishaps.note('parse', failing('x'.repeat(100_000), new Error('y'.repeat(100_000))), 0)
    expect(JSON.stringify(mishaps.latest).length).to.be.lessThan(700)
  })
})
