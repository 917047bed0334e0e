import { expect } from 'chai'
import fc from 'fast-check'
import { catalog, loadWorkload } from '../../bench/catalog.ts'
import { parseOptions } from '../../bench/options.ts'
import { table } from '../../bench/report.ts'
import { agree, compare, median, verdictOf } from '../../bench/statistics.ts'
import { growingSum, throughput } from '../../bench/throughput.ts'
import { type Laps, type Row, WrongResultError } from '../../bench/workload.ts'

describe('bench statistics', () => {
  it('takes the middle value, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1, maxLength: 15 }), (values) => {
        const middle = median(values)
        const below = values.filter((value) => value < middle).length
        const above = values.filter((value) => value > middle).length
        expect(below).to.be.at.most(values.length / 2)
        expect(above).to.be.at.most(values.length / 2)
      }),
    )
    expect(median([4, 1, 3, 2])).to.equal(2.5)
    expect(median([])).to.be.NaN
  })

  it('calls slices steady only when the last ones agree', () => {
    expect(agree([9, 1, 1.02, 1.04], 3, 0.05)).to.equal(true)
    expect(agree([1, 1, 1.06], 3, 0.05)).to.equal(false)
    expect(agree([1, 1], 3, 0.05)).to.equal(false)
  })

  it('compares rounds in pairs, so that a slow round hurts both sides alike', () => {
    const costs = new Map([
      ['ours', [2, 20, 2]],
      ['hand', [1, 10, 1]],
    ])
    const pair = { ours: 'ours', peer: 'hand' } as const

    expect(compare(costs, { ...pair, better: 'higher' })).to.deep.equal({
      median: 0.5,
      min: 0.5,
      max: 0.5,
    })
    expect(compare(costs, { ...pair, better: 'lower' })?.median).to.equal(2)
    expect(compare(costs, { ...pair, peer: 'nobody', better: 'higher' })).to.equal(null)
  })

  it('adds up passes whose output grows as if they had been made one by one', () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.nat(1e9), fc.nat(50), (first, growth, passes) => {
        let sum = 0
        for (let pass = 0; pass < passes; pass += 1) sum = (sum + first + pass * growth) | 0
        expect(growingSum({ first: BigInt(first), growth: BigInt(growth) }, passes)).to.equal(sum)
      }),
    )
  })
})

describe('bench verdict', () => {
  const row: Row = {
    label: 'W1',
    ours: 'ours',
    gates: [
      { against: 'hand', better: 'higher', floor: 0.25, aim: 0.7 },
      { against: 'rxjs', better: 'higher', floor: 2, aim: 6 },
    ],
  }
  const costs = (ours: number, hand: number, rxjs: number): Map<string, number[]> =>
    new Map([
      ['ours', [ours]],
      ['hand', [hand]],
      ['rxjs', [rxjs]],
    ])
  const none = new Set<string>()

  it('is the aim only when every gate meets its aim', () => {
    expect(verdictOf(row, costs(10, 8, 70), none)).to.equal('aim')
    expect(verdictOf(row, costs(10, 8, 50), none)).to.equal('floor')
  })

  it('is below when one floor of several is missed', () => {
    expect(verdictOf(row, costs(10, 2, 70), none)).to.equal('below')
  })

  it('is void when our answer or a peer that counts was wrong, fast or not', () => {
    expect(verdictOf(row, costs(10, 8, 70), new Set(['ours']))).to.equal('void')
    expect(verdictOf(row, costs(10, 8, 70), new Set(['rxjs']))).to.equal('void')
    expect(verdictOf(row, costs(10, 8, 70), new Set(['most']))).to.equal('aim')
  })

  it('is absent when we or a peer could not run', () => {
    expect(verdictOf(row, new Map([['hand', [1]]]), none)).to.equal('absent')
    expect(verdictOf(row, new Map([['ours', [1]]]), none)).to.equal('absent')
  })

  it('judges a figure without a peer by itself, and a cost by not exceeding', () => {
    const start: Row = {
      label: 'W14',
      ours: 'start',
      gates: [{ against: null, better: 'lower', floor: 400, aim: 200 }],
    }
    expect(verdictOf(start, new Map([['start', [190]]]), none)).to.equal('aim')
    expect(verdictOf(start, new Map([['start', [390]]]), none)).to.equal('floor')
    expect(verdictOf(start, new Map([['start', [410]]]), none)).to.equal('below')
  })
})

describe('bench throughput', () => {
  /** Counts the items of every pass, and forgets the first `lost` of them. */
  const counter =
    (lost: number) =>
    (items: readonly number[], laps: Laps): { count: number; sum: number } => {
      let count = -lost
      while (laps.next()) count += items.length
      return { count, sum: 0 }
    }
  const workload = throughput({
    id: 'W0',
    title: 'counting',
    rows: [],
    size: 1000,
    items: (size) => size,
    input: (size) => Array.from({ length: size }, (_, index) => index),
    expected: (items, passes) => ({ count: items.length * passes, sum: 0 }),
    variants: { right: counter(0), lossy: counter(1) },
  })
  const pace = { sliceMs: 0, warmMs: 0, warmLimitMs: 0, slices: 3, idleMs: 0, patienceMs: 0 }

  it('times a variant whose answer is right', async () => {
    const sample = await workload.measure('right', pace)
    expect(sample.cost).to.be.greaterThan(0)
    expect(sample.passes).to.be.greaterThan(3)
  })

  it('gives no time for a variant that loses one item of all its passes', async () => {
    const error: unknown = await workload.measure('lossy', pace).catch((reason: unknown) => reason)
    expect(error).to.be.instanceOf(WrongResultError)
  })
})

describe('bench options', () => {
  it('refuses a workload that is not there, naming those that are', () => {
    expect(() => parseOptions(['--only', 'W99'])).to.throw(RangeError, /W99.*W1, /)
  })

  it('refuses to write the page from a quick run', () => {
    expect(() => parseOptions(['--write', '--quick'])).to.throw(RangeError, /--quick/)
  })

  it('makes five rounds of everything when nothing is said', () => {
    expect(parseOptions([])).to.include({ repeat: 5, quick: false, write: false })
  })
})

describe('bench table', () => {
  it('lines its columns up', () => {
    const lines = table(['a', 'long'], [['value', 'b']]).split('\n')
    expect(lines).to.deep.equal(['| a     | long |', '|-------|------|', '| value | b    |'])
  })
})

/** Peers that run with a store, that are flows themselves, in another process, or with a flag that specs run without. */
const PROGRAMS = new Set([
  'W7a',
  'W7c',
  'W7d',
  'W8',
  'W8s',
  'W9',
  'W10',
  'W11',
  'W13',
  'W14',
  'W15',
  'W16',
])

describe('bench workloads', () => {
  for (const id of Object.keys(catalog).filter((name) => !PROGRAMS.has(name))) {
    it(`${id}: every peer gives the oracle's answer, over one pass and over six`, async () => {
      const workload = await loadWorkload(id)
      const peers = workload.variants.filter((variant) => !variant.startsWith('tidemark'))
      expect(peers).to.include('hand')
      for (const peer of peers) {
        for (const passes of [1, 6]) {
          const checked = await workload.check(peer, 3000, passes)
          expect(checked?.expected.count, `${id} ${peer}`).to.be.greaterThan(0)
          expect(checked?.got, `${id} ${peer} over ${passes}`).to.deep.equal(checked?.expected)
        }
      }
    })
  }
})
