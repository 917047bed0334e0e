import { readdir } from 'node:fs/promises'
import { expect } from 'chai'
import { RecoveryError, RecoveryStore } from 'tidemark'
import { inspectStore } from '../../lib/recovery/inspect.ts'
import { type Child, installed } from '../cli/children.ts'
import { failure } from '../support/failure.ts'
import { Folder } from '../support/folder.ts'

const FLOWS = 'spec/cli/flows/flows.ts'

describe('A recovery directory that several processes want @long', () => {
  const folder = new Folder()
  const children: Child[] = []
  const tide = (...args: readonly string[]): Child => {
    const child = installed(args)
    children.push(child)
    return child
  }

  beforeEach(() => folder.make())

  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.discard()
      await child.ends()
    }
    await folder.remove()
  })

  it('becomes the store of one when two make it at the same time', async () => {
    const dir = folder.file('state')
    const counts = [48, 32]
    const both = counts.map((count) => tide('recovery', 'init', dir, String(count)))
    const codes = await Promise.all(both.map((child) => child.ends()))
    expect([...codes].sort()).to.deep.equal([0, 1])
    const loser = both[codes.indexOf(1)]
    expect(loser?.stderr).to.match(
      /Another process is making a recovery store in|holds a recovery store already/,
    )
    const report = await inspectStore(dir)
    expect(report.damage).to.deep.equal([])
    expect(report.partitions).to.have.length(counts[codes.indexOf(0)] as number)
    expect((await readdir(dir)).filter((name) => !/^part-\d+$/.test(name))).to.deep.equal([])
  })

  it('becomes the store of all whose flow is given it at the same time and has none', async () => {
    const dir = folder.file('state')
    const logs: string[] = []
    const all = [4, 4, 4, 4, 4].map((partitions) =>
      RecoveryStore.openOrInit({ dir, partitions }, (message) => void logs.push(message)),
    )
    expect((await Promise.all(all)).map((store) => store.dir)).to.deep.equal(all.map(() => dir))
    expect(logs).to.have.length(1)
    const { damage, partitions } = await inspectStore(dir)
    expect([damage, partitions.length]).to.deep.equal([[], 4])
  })

  it('becomes the store of one when one process makes it twice at once', async () => {
    const dir = folder.file('state')
    const made = await Promise.all([6, 5, 4].map((n) => failure(RecoveryStore.init(dir, n))))
    const errors = made.filter((error) => error !== null)
    expect(errors).to.have.length(2)
    for (const error of errors) expect(error).to.be.instanceOf(RecoveryError)
    expect((await inspectStore(dir)).damage).to.deep.equal([])
  })

  it('is made by the next one when its maker was killed', async () => {
    const dir = folder.file('state')
    const maker = tide('recovery', 'init', dir, '500')
    while (!((await failure(readdir(dir))) === null && (await readdir(dir)).includes('part-3'))) {
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    maker.discard()
    await maker.ends()
    const next = tide('recovery', 'init', dir, '3')
    expect(await next.ends(), next.stderr).to.equal(0)
    const { damage, partitions } = await inspectStore(dir)
    expect([damage, partitions.length]).to.deep.equal([[], 3])
  })

  it('is locked while a flow runs on it: for another run, for inspect and for remove', async () => {
    const dir = folder.file('state')
    const running = ['run', `${FLOWS}:counting`, '-r', dir, '-s', '0.05', '--no-api']
    const first = tide(...running)
    await first.says('going\n')
    const others = [
      tide(...running),
      tide('recovery', 'inspect', dir),
      tide('recovery', 'remove', dir, 'count'),
    ]
    for (const other of others) {
      expect(await other.ends()).to.equal(1)
      expect(other.stderr).to.match(/is in use by another process.*Stop that one first/)
    }
    first.signal('SIGTERM')
    expect(await first.ends()).to.equal(130)
    expect(first.stderr).to.not.match(/alarm|could not/)
    const { damage, steps } = await inspectStore(dir)
    expect(damage).to.deep.equal([])
    expect(steps.find(({ stepId }) => stepId === 'count')?.keys).to.equal(1)
  })

  for (const workers of ['1', '2']) {
    it(`replays nothing after SIGINT and SIGTERM, which close an epoch that would last an hour (-w ${workers})`, async () => {
      const dir = folder.file('state')
      const args = ['run', `${FLOWS}:counting`, '-r', dir, '-s', '3600', '--no-api', '-w', workers]
      const lines: string[] = []
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGINT'] as const) {
        const child = tide(...args)
        await child.says('going\n')
        child.signal(signal)
        expect(await child.ends(), child.stderr).to.equal(130)
        const printed = child.stdout.split('\n').filter((line) => /\d+ \d+$/.test(line))
        expect(printed.length, 'lines of this run').to.be.greaterThan(0)
        lines.push(...printed)
      }
      // A sink that only adds: what were replayed would stand there twice.
      expect(lines).to.deep.equal(lines.map((_, at) => `${at + 1} ${at + 1}`))
    })
  }
})
