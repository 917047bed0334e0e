import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { rounds } from '../support/effort.ts'
import { gaps } from '../support/gaps.ts'
import { onStage } from './stage.ts'
import type { Member } from './troupe.ts'
import { describeWithNats } from './with-nats.ts'

const ITEMS = 1_000_000
const PAUSE = 60

describeWithNats('A process that stays away, its recovery partitions archived @long', function () {
  this.timeout(180_000)
  const stage = onStage()
  const { folder } = stage

  /** One of two, whose store is its own and archived, or one that both can read. */
  const start = (process: number, stores: 'archived' | 'shared' = 'archived'): Member =>
    stage.start({
      process,
      count: 2,
      args: [folder.file('out'), ITEMS, PAUSE],
      ...(stores === 'archived'
        ? { dir: folder.file(`store-${process}`), archive: folder.file('archive') }
        : { dir: folder.file('store') }),
      takeOverAfter: 500,
      flow: { module: 'spec/cluster/flows/counting.ts', export: 'witnessed' },
    })

  const stopped = async (...those: readonly Member[]): Promise<void> => {
    those[0]?.signal('SIGTERM')
    const codes = await Promise.all(those.map(({ ended }) => ended))
    expect(codes, those.map(({ log }) => log).join('\n')).to.deep.equal(those.map(() => 0))
  }

  it('is gone on without; back again it gives them up and takes part with new ones', async () => {
    const [a, b] = [start(0), start(1)]
    await stage.goesOn()
    b.discard()
    await b.ended
    await a.says('taking over the recovery partitions of process 1')
    await a.says('1 workers in 1 of 2 processes')
    await stage.goesOn()
    const again = start(1)
    await again.says('another one took its recovery partitions over')
    await again.says('2 workers in 2 of 2 processes')
    await stage.goesOn()
    // What it has now was never used: without it nothing is missing.
    again.discard()
    await again.ended
    await a.says('1 workers in 1 of 2 processes', 2)
    await stage.goesOn()
    await stopped(a)
    expect(gaps(await stage.written())).to.deep.equal({ lost: 0, doubled: 0 })
  })

  const kinds = ['archived', 'shared'] as const
  for (const stores of kinds.slice(0, rounds({ test: 1, ci: 2, torture: 2 }))) {
    it(`is gone on without by the other where both were killed, their store ${stores}`, async () => {
      const both = [start(0, stores), start(1, stores)]
      await stage.goesOn()
      for (const member of both) member.discard()
      await Promise.all(both.map(({ ended }) => ended))
      const alone = start(1, stores)
      await alone.says('1 workers in 1 of 2 processes')
      await stage.goesOn()
      await stopped(alone)
      expect(gaps(await stage.written())).to.deep.equal({ lost: 0, doubled: 0 })
    })
  }

  it('is refused whatever it still writes when it was only stopped, and gives them up alive', async () => {
    const [a, b] = [start(0), start(1)]
    await stage.goesOn()
    b.signal('SIGSTOP')
    await a.says('1 workers in 1 of 2 processes')
    await stage.goesOn()
    const woken = systemRuntime.now()
    b.signal('SIGCONT')
    await b.says('another one took its recovery partitions over')
    await b.says('2 workers in 2 of 2 processes', 2)
    await stage.goesOn()
    await stopped(a, b)
    // No batch was handed to a sink by the dead execution. One that was before may end only now, in
    // files that the others write, too: what is in those is not looked at.
    const writes = (await readFile(`${folder.file('out')}.log`, 'utf8')).trim().split('\n')
    const late = writes
      .map((line) => line.split(' ').map(Number))
      .filter(([pid]) => pid === b.pid)
      .filter(([, built = 0, , at = 0]) => built < woken && at >= woken)
    expect(writes.some((line) => line.startsWith(`${b.pid} `))).to.equal(true)
    expect(late).to.deep.equal([])
  })
})
