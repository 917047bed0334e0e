import { expect } from 'chai'
import { map, mapField } from 'tidemark/operators'
import { failure, through } from '../support/through.ts'

describe('map', () => {
  it('turns each item into another', async () => {
    expect(
      await through(
        [0, 1, 2],
        map('m', (n) => n + 1),
      ),
    ).to.deep.equal([1, 2, 3])
  })

  it('names step, callback and item of what its mapper throws', async () => {
    const error = await failure(
      through(
        [1, 2],
        map('m', (n) => {
          if (n === 2) throw new RangeError('too big')
          return n
        }),
      ),
    )
    expect(error.message).to.include(
      'Step "test.m" failed in mapper of partition "iterable" on 2: RangeError: too big',
    )
    expect(error.cause).to.be.instanceOf(RangeError)
  })
})

describe('mapField', () => {
  it('replaces one field and leaves the item as it is', async () => {
    const items = [
      { a: 0, b: 0 },
      { a: 1, b: 0 },
      { a: 2, b: 0 },
    ]
    expect(
      await through(
        items,
        map(
          'm',
          mapField('a', (a) => a + 1),
        ),
      ),
    ).to.deep.equal([
      { a: 1, b: 0 },
      { a: 2, b: 0 },
      { a: 3, b: 0 },
    ])
    expect(items[0]).to.deep.equal({ a: 0, b: 0 })
  })

  it('refuses an item without the field', async () => {
    const bump = mapField('a', (a: number) => a + 1)
    const error = await failure(through([{} as { a: number }], map('m', bump)))
    expect(error.message).to.include('the item has no field "a"')
  })

  it('keeps __proto__ out', () => {
    expect(() => mapField('__proto__', (value: object) => value)).to.throw("can't be one")
    const hostile = JSON.parse('{"a":1,"__proto__":{"admin":true}}') as { a: number }
    const mapped = mapField('a', (a: number) => a + 1)(hostile)
    expect(Object.getPrototypeOf(mapped)).to.equal(Object.prototype)
    expect((mapped as { admin?: boolean }).admin).to.equal(undefined)
  })
})
