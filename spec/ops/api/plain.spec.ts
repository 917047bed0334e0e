import { expect } from 'chai'
import fc from 'fast-check'
import { plain } from '../../../ops/api/plain.ts'

describe('A state shown as JSON', () => {
  it('is told in full where JSON has no word for it', () => {
    const state = {
      big: 10n ** 20n,
      when: new Date(0),
      map: new Map([['a', new Set([1])]]),
      bytes: new Uint8Array([1, 2, 3]),
      none: Number.NaN,
      gone: undefined,
    }
    expect(JSON.parse(JSON.stringify(plain(state).value))).to.deep.equal({
      big: '100000000000000000000',
      when: '1970-01-01T00:00:00.000Z',
      map: [['a', [1]]],
      bytes: 'AQID',
      none: 'NaN',
      gone: null,
    })
  })

  it('can be any value at all', () => {
    fc.assert(
      fc.property(
        fc.anything({ withMap: true, withSet: true, withBigInt: true, withNullPrototype: true }),
        (state) => {
          expect(JSON.stringify(plain(state))).to.be.a('string')
        },
      ),
    )
  })

  it('ends where it refers to itself, and where there is too much of it', () => {
    const self: { self?: unknown } = {}
    self.self = self
    expect(plain(self).cut).to.equal(true)
    const { value, cut } = plain(Array.from({ length: 1_000_000 }, (_, n) => n))
    expect(cut).to.equal(true)
    expect((value as unknown[]).length).to.be.lessThan(30_000)
  })

  it('keeps a field with the name __proto__ a field', () => {
    const state = JSON.parse('{"__proto__": {"admin": true}}') as unknown
    const { value } = plain(state)
    expect(JSON.stringify(value)).to.equal('{"__proto__":{"admin":true}}')
    expect((value as { admin?: boolean }).admin).to.equal(undefined)
  })
})
