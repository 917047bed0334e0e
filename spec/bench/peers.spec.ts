import { expect } from 'chai'
import { parseOptions } from '../../bench/options.ts'
import { PEER_MARK, type PeerRun, peerVariant, runPeer } from '../../bench/peers/peer.ts'
import { peerLines, sortedPeerLines } from '../../bench/report.ts'
import type { Findings } from '../../bench/rounds.ts'
import type { PeerRow, Sample } from '../../bench/workload.ts'

/** A peer that counts the rows it is given and adds up their second field, twice. */
const COUNTING = `
  const { readFileSync } = require('node:fs')
  const [task, rows, workers, passes, span] = process.argv.slice(1)
  const fields = readFileSync(rows, 'utf8').trim().split('\\n').map((line) => line.split('\\t'))
  const sum = fields.reduce((total, [, value]) => total + Number(value), 0)
  console.log('a word before')
  console.log('${PEER_MARK}' + JSON.stringify({
    count: fields.length * Number(passes), sum: sum * Number(passes), passes: Number(passes),
    slices: [1, 9, 2].map((ms) => ({ cpuMs: 2 * ms * workers, wallMs: 4 * ms, passes: 2 })), rssMb: 7,
  }))
`

const asked = (program: string): PeerRun => ({
  command: [process.execPath, '-e', program],
  task: 'W0',
  lines: ['a\t2', 'b\t3'],
  workers: 1,
  passes: 2,
  span: 0,
  pace: { sliceMs: 0, warmMs: 0, warmLimitMs: 0, slices: 3, idleMs: 0 },
})

describe('bench peer', () => {
  it('is given the rows in a file, and its times are the medians of a pass', async () => {
    const { answer, cpuMs, wallMs } = await runPeer(asked(COUNTING))
    expect(answer).to.include({ count: 4, sum: 10, passes: 2 })
    expect([cpuMs, wallMs]).to.deep.equal([2, 4])
  })

  it('fails with what it wrote to stderr when it ends without an answer', async () => {
    const error: unknown = await runPeer(asked('console.error("no heap")')).catch(
      (reason: unknown) => reason,
    )
    expect(String(error)).to.match(/without an answer.*no heap/)
  })

  it('has a variant for each of ours and for each number of workers', () => {
    expect(peerVariant('jet', 'tidemark-60-1', 1)).to.equal('jet-60-1')
    expect(peerVariant('bytewax', 'tidemark', 2)).to.equal('bytewax x2')
  })
})

describe('bench table of peers', () => {
  const rowOf = (variant: string, floor: number | null): PeerRow => ({
    peer: 'bytewax',
    workers: 1,
    label: `W0 to ${variant}`,
    ours: 'tidemark',
    variant,
    bounds: floor === null ? null : { floor, aim: 2 * floor },
  })
  const sample = (cost: number): Sample => ({ cost, wallCost: 2 * cost, rssMb: 1, passes: 1 })
  const findings: Findings = {
    workload: {
      id: 'W0',
      title: 'nothing',
      unit: 'CPU s per 1e6',
      rows: [],
      variants: ['tidemark'],
      peers: [rowOf('far', 10), rowOf('near', 10), rowOf('ahead', null), rowOf('gone', 10)],
      measure: async () => sample(1),
      check: async () => null,
    },
    samples: new Map([
      ['tidemark', [sample(1), sample(2)]],
      ['far', [sample(30)]],
      ['near', [sample(5), sample(10)]],
      ['ahead', [sample(0.5)]],
    ]),
    wrong: new Map(),
    failed: new Map([['gone', 'not available here']]),
  }

  it('judges each by what is promised, and one that could not run not at all', () => {
    expect(peerLines(findings).map((line) => line.verdict)).to.deep.equal([
      'aim',
      'below',
      'shown',
      'absent',
    ])
  })

  it('tells first what is slower than a peer', () => {
    const labels = sortedPeerLines([findings]).map(([label]) => label)
    expect(labels).to.deep.equal(['W0 to ahead', 'W0 to near', 'W0 to far', 'W0 to gone'])
  })

  it('voids a row whose peer gave a wrong answer', () => {
    const wrong: Findings = { ...findings, wrong: new Map([['far', 'one too many']]) }
    expect(peerLines(wrong)[0]?.verdict).to.equal('void')
  })

  it('is empty where no peer was asked to run', () => {
    const alone: Findings = {
      ...findings,
      samples: new Map([['tidemark', [sample(1)]]]),
      failed: new Map(),
    }
    expect(sortedPeerLines([alone])).to.deep.equal([])
  })
})

describe('bench options of peers', () => {
  it('leaves the peers out unless they are asked for', () => {
    expect(parseOptions([])).to.include({ peers: false, budget: null })
    expect(parseOptions(['--peers', '--budget', '14'])).to.include({ peers: true, budget: 14 })
  })

  it('refuses a budget of no time', () => {
    expect(() => parseOptions(['--budget', '0'])).to.throw(RangeError, /--budget 0/)
    expect(() => parseOptions(['--budget', 'soon'])).to.throw(RangeError, /--budget soon/)
  })
})
