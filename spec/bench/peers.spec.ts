import { expect } from 'chai'
import { parseOptions } from '../../bench/options.ts'
import { performancePage } from '../../bench/page.ts'
import { PEER_MARK, type PeerRun, peerVariant, runPeer } from '../../bench/peers/peer.ts'
import { peerLines, slowerLines, sortedPeerLines } from '../../bench/report.ts'
import type { Findings } from '../../bench/rounds.ts'
import type { PeerRow, Sample, Workload } from '../../bench/workload.ts'

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
  pace: { sliceMs: 0, warmMs: 0, warmLimitMs: 0, slices: 3, idleMs: 0, patienceMs: 0 },
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

  it('names what ours is slower than by itself, the slowest first', () => {
    expect(slowerLines([findings])).to.deep.equal(['W0 to ahead: 0.50x as fast'])
  })

  it('says of a peer that was ended that it would have cost more', () => {
    const ended: Findings = {
      ...findings,
      workload: { ...findings.workload, unit: 'ms' },
      samples: new Map([
        ['tidemark', [sample(2)]],
        ['far', [{ cost: 60, wasEnded: true, rssMb: 1, passes: 1 }]],
      ]),
    }
    const [far] = peerLines(ended)
    expect(far?.verdict).to.equal('aim')
    expect(far?.cells).to.include.members(['over 30.0x', '2.0 ms', 'not done after 60.0 ms'])
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

describe('bench page', () => {
  const alone: Workload = {
    id: 'W0',
    title: 'nothing',
    unit: 'CPU s per 1e6',
    rows: [
      {
        label: 'W0 alone',
        ours: 'tidemark',
        gates: [{ against: 'hand', better: 'higher', floor: 0.5, aim: 1 }],
        group: { name: 'all', against: 'hand', floor: 0.5, aim: 1 },
      },
    ],
    variants: ['hand', 'rxjs', 'tidemark'],
    peers: [
      {
        peer: 'flink',
        workers: 1,
        label: 'W0 to Flink',
        ours: 'tidemark',
        variant: 'flink',
        bounds: null,
      },
    ],
    measure: async () => ({ cost: 1, rssMb: 1, passes: 1 }),
    check: async () => null,
  }

  const pageOf = (findings: Partial<Findings>): string =>
    performancePage({
      findings: [
        {
          workload: alone,
          samples: new Map(),
          wrong: new Map(),
          failed: new Map(),
          ...findings,
        },
      ],
      command: 'npm run bench',
      date: new Date(Date.UTC(2026, 0, 2)),
    })

  const one = (cost: number): Sample[] => [{ cost, rssMb: 1, passes: 1 }]

  for (const [what, findings] of Object.entries<Partial<Findings>>({
    'nothing could run': { failed: new Map([['tidemark', 'no time was left for it']]) },
    'a peer is not to be had': {
      samples: new Map([['tidemark', one(1)]]),
      failed: new Map([['flink', 'not available here: no mvn']]),
    },
    'something costs nothing': {
      samples: new Map([
        ['tidemark', one(0)],
        ['hand', one(0)],
        ['flink', one(1)],
      ]),
    },
  })) {
    it(`has no cell without a meaning when ${what}`, () => {
      expect(pageOf(findings)).not.to.match(/NaN|undefined|Infinity|null/)
    })
  }

  it('shows no ratio for a row that is judged by its own figure alone', () => {
    const samples = new Map([
      ['tidemark', one(2)],
      ['hand', one(1)],
    ])
    expect(pageOf({ samples })).to.match(/\| W0 alone +\| 0\.50 /)
    const gates = [{ against: null, better: 'lower', floor: 3, aim: 1 }] as const
    const workload = { ...alone, rows: alone.rows.map((row) => ({ ...row, gates })) }
    expect(pageOf({ samples, workload })).to.match(/\| W0 alone +\| - /)
  })

  it('says of a peer that could not run why', () => {
    const page = pageOf({ failed: new Map([['flink', 'not available here: no mvn']]) })
    expect(page).to.include('- W0 flink: not run: not available here: no mvn')
  })

  it('begins with what is slower than another, if anything is', () => {
    const slow = pageOf({
      samples: new Map([
        ['tidemark', one(2)],
        ['rxjs', one(1)],
        ['flink', one(1.5)],
      ]),
    })
    expect(slow).to.match(
      /^# Performance[^#]*## Slower than another\n\n- W0 alone, to rxjs: 0.50x[^\n]*\n- W0 to Flink: 0.75x/,
    )
    expect(pageOf({ samples: new Map([['tidemark', one(1)]]) })).to.include('Nothing that was')
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
