import { expect } from 'chai'
import fc from 'fast-check'
import { Lowest } from '../../../lib/actor/lowest.ts'

describe('Lowest', () => {
  it('is infinite of no numbers', () => {
    expect(new Lowest().value).to.equal(Number.POSITIVE_INFINITY)
  })

  it('gives the least of numbers that come, rise and fall in any order', () => {
    const value = fc.oneof(
      fc.integer(),
      fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(40), value)), (changes) => {
        const lowest = new Lowest()
        const all = new Map<number, number>()
        for (const [index, number] of changes) {
          lowest.set(index, number)
          all.set(index, number)
          expect(lowest.value).to.equal(Math.min(...all.values()))
        }
      }),
    )
  })
})
