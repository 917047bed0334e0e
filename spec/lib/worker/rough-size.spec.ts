import { expect } from 'chai'
import fc from 'fast-check'
import { roughBytes } from '../../../lib/worker/rough-size.ts'

describe('the rough size of a value', () => {
  it('is near what its parts take, however many are alike', () => {
    const record = (at: number) => ({ id: at, name: 'x'.repeat(84), tags: ['one', 'two'] })
    const one = roughBytes(record(0))
    expect(one).to.be.within(150, 350)
    for (const count of [10, 1000, 100_000]) {
      const size = roughBytes(Array.from({ length: count }, (_, at) => record(at)))
      expect(size / count).to.be.closeTo(one + 8, 2)
    }
    expect(roughBytes(new Map(Array.from({ length: 1000 }, (_, at) => [at, 'x'])))).to.be.within(
      20_000,
      80_000,
    )
  })

  it('counts text and bytes by their lengths', () => {
    expect(roughBytes('x'.repeat(10_000))).to.be.closeTo(10_000, 50)
    expect(roughBytes(new Uint8Array(5000))).to.be.closeTo(5000, 50)
    expect(roughBytes(new ArrayBuffer(5000))).to.be.closeTo(5000, 50)
  })

  it('asks nothing of the value itself', () => {
    const hostile = {
      get bytes(): number {
        throw new Error('asked')
      },
      toJSON: () => {
        throw new Error('asked')
      },
    }
    const set = Object.assign(new Set([1, 2, 3]), {
      [Symbol.iterator]: () => {
        throw new Error('asked')
      },
    })
    for (const value of [hostile, set, [hostile]]) expect(roughBytes(value)).to.be.above(0)
  })

  it('is a number for anything, also for what holds itself', () => {
    const ring: Record<string, unknown> = {}
    ring['ring'] = ring
    expect(roughBytes(ring)).to.be.within(20, 1000)
    fc.assert(
      fc.property(fc.anything({ withMap: true, withSet: true, withTypedArray: true }), (value) => {
        expect(roughBytes(value)).to.satisfy((size: number) => size > 0 && Number.isFinite(size))
      }),
    )
  })
})
