import { expect } from 'chai'
import fc from 'fast-check'
import { HotKeys } from '../../../lib/worker/hot-keys.ts'

/** Cuts an endless row of keys, by their numbers, into batches. */
const noteAll = (
  hot: HotKeys,
  { items, size, keyOf }: { items: number; size: number; keyOf: (item: number) => string },
): void => {
  for (let first = 0; first < items; first += size) {
    const count = Math.min(size, items - first)
    hot.note(Array.from({ length: count }, (_, at) => keyOf(first + at)))
  }
}

const half = (item: number): string => (item % 2 === 0 ? 'hot' : `rare-${item % 10_007}`)

describe('hot keys', () => {
  it('name a key that half of the items have, with its share, in batches of any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), (size) => {
        const hot = new HotKeys()
        noteAll(hot, { items: 200_000, size, keyOf: half })
        const [first] = hot.hottest
        expect(first?.[0]).to.equal('hot')
        expect(first?.[1]).to.be.within(0.4, 0.6)
      }),
      { numRuns: 4, examples: [[1], [1009], [2]] },
    )
  })

  it('are known after two thousand items', () => {
    const hot = new HotKeys()
    noteAll(hot, { items: 2000, size: 10, keyOf: half })
    expect(hot.hottest[0]?.[0]).to.equal('hot')
    expect(hot.hottest[0]?.[1]).to.be.within(0.3, 0.7)
  })

  it('are found among keys that come in turns, whatever the length of a turn', () => {
    for (const turn of [2, 7, 64, 1000, 1009, 1024]) {
      const hot = new HotKeys()
      const keys = Array.from({ length: turn }, (_, at) => (at === 0 ? 'once' : 'else'))
      for (let items = 0; items < 2_000_000; items += turn) hot.note(keys)
      const share = new Map(hot.hottest).get('once') ?? 0
      expect(share, String(turn)).to.be.closeTo(1 / turn, 0.03)
    }
  })

  it('are looked for in so few items that it costs nothing', () => {
    let read = 0
    const keys = new Proxy(new Array<string>(1000).fill('key'), {
      get: (target, name, self): unknown => {
        if (name !== 'length') read += 1
        return Reflect.get(target, name, self)
      },
    })
    const hot = new HotKeys()
    for (let batch = 0; batch < 2000; batch += 1) hot.note(keys)
    const began = read
    for (let batch = 0; batch < 2000; batch += 1) hot.note(keys)
    expect(read - began).to.be.within(1900, 2100)
  })

  it('forget a key that was hot once', () => {
    const hot = new HotKeys()
    const [old, young] = ['old', 'new'].map((key) => Array<string>(1000).fill(key))
    for (let batch = 0; batch < 5000; batch += 1) hot.note(old ?? [])
    for (let batch = 0; batch < 15_000; batch += 1) hot.note(young ?? [])
    expect(hot.hottest[0]?.[0]).to.equal('new')
  })

  it('know of nothing before they have looked', () => {
    expect(new HotKeys().hottest).to.deep.equal([])
  })
})
