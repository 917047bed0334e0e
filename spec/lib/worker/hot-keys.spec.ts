import { expect } from 'chai'
import fc from 'fast-check'
import { HotKeys } from '../../../lib/worker/hot-keys.ts'

describe('hot keys', () => {
  it('name a key that half of the items have, with its share, among any number of rare ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (size, seed) => {
        const hot = new HotKeys()
        let rare = seed
        for (let batch = 0; batch < 40_000; batch++) {
          const keys = Array.from({ length: size }, (_, at) => {
            rare += 1
            return (at + batch) % 2 === 0 ? 'hot' : `rare-${rare % 10_007}`
          })
          hot.note(keys)
          if (size > 20 && batch > 10_000) break
        }
        const [first] = hot.hottest
        expect(first?.[0]).to.equal('hot')
        expect(first?.[1]).to.be.within(0.3, 0.7)
      }),
      { numRuns: 5 },
    )
  })

  it('forget a key that was hot once', () => {
    const hot = new HotKeys()
    for (let batch = 0; batch < 8 * 5000; batch++) hot.note(['old'])
    for (let batch = 0; batch < 8 * 20_000; batch++) hot.note(['new'])
    expect(hot.hottest[0]?.[0]).to.equal('new')
  })

  it('know of nothing before they have looked', () => {
    expect(new HotKeys().hottest).to.deep.equal([])
  })
})
