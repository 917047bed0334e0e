import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { withFigures } from '../../bench/readme.ts'
import type { Findings } from '../../bench/rounds.ts'
import type { Sample } from '../../bench/workload.ts'

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

describe('The figures of the README', () => {
  const sample = (cost: number): Sample => ({ cost, wallCost: 2 * cost, rssMb: 1, passes: 1 })
  const findings = (ours: number): Findings => ({
    workload: {
      id: 'W0',
      title: 'nothing',
      unit: 'CPU s per 1e6',
      rows: [
        {
          label: 'W0 nothing',
          ours: 'tidemark',
          gates: [{ against: 'hand', better: 'higher', floor: 0.1, aim: 0.2 }],
        },
      ],
      variants: ['tidemark', 'hand', 'rxjs'],
      measure: async () => sample(1),
      check: async () => null,
    },
    samples: new Map([
      ['tidemark', [sample(ours)]],
      ['hand', [sample(1)]],
      ['rxjs', [sample(6)]],
    ]),
    wrong: new Map(),
    failed: new Map(),
  })
  const date = new Date('2026-01-02T03:04:05Z')

  it('stand between its two marks, what is slower first, and are replaced by the next', () => {
    const slow = withFigures(README, { findings: [findings(12)], date })
    expect(slow).to.include('Of 2026-01-02')
    expect(slow.indexOf('W0 nothing, to rxjs: 0.50x as fast')).to.be.within(
      slow.indexOf('<!-- measured -->'),
      slow.indexOf('| W0 nothing'),
    )
    const fast = withFigures(slow, { findings: [findings(2)], date })
    expect(fast).to.match(/\| W0 nothing +\| 0\.50 +\| 3\.0 +\|/)
    expect(fast).to.not.include('0.50x as fast')
    expect(fast.split('## Where things are')).to.have.lengthOf(2)
  })

  it('have no other place', () => {
    expect(() => withFigures('# Ours', { findings: [], date })).to.throw('no place for figures')
  })
})
