import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { LocalNats } from '../../cluster/nats-server.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { Folder } from '../support/folder.ts'
import { gaps } from '../support/gaps.ts'
import { linesIn, Member } from './troupe.ts'
import { describeWithNats } from './with-nats.ts'

const ITEMS = 1_000_000
const PAUSE = 60

describeWithNats('A process that stays away, its recovery partitions archived @long', function () {
  this.timeout(180_000)
  const folder = new Folder()
  let server: LocalNats
  let members: Member[] = []

  beforeEach(async () => {
    await folder.make()
    server = await LocalNats.start()
  })
  afterEach(async () => {
    for (const member of members) member.discard()
    await Promise.all(members.map(({ ended }) => ended))
    members = []
    await server.stop()
    await folder.remove()
  })

  const start = (process: number): Member => {
    const member = new Member({
      process,
      count: 2,
      servers: server.url,
      args: [folder.file('out'), ITEMS, PAUSE],
      workers: 1,
      epochInterval: 50,
      dir: folder.file(`store-${process}`),
      archive: folder.file('archive'),
      takeOverAfter: 500,
      flow: { module: 'spec/cluster/flows/counting.ts', export: 'witnessed' },
    })
    members.push(member)
    return member
  }

  /** Resolves when so many lines more are there: epochs are being committed. */
  const goesOn = async (more = 20): Promise<void> => {
    const count = async (): Promise<number> =>
      (await linesIn(folder.file('out')).catch(() => [])).length
    const before = await count()
    while ((await count()) < before + more) {
      await new Promise<void>((resolve) => {
        systemRuntime.after(50, resolve)
      })
    }
  }

  const stopped = async (...those: readonly Member[]): Promise<void> => {
    those[0]?.signal('SIGTERM')
    const codes = await Promise.all(those.map(({ ended }) => ended))
    expect(codes, those.map(({ log }) => log).join('\n')).to.deep.equal(those.map(() => 0))
  }

  it('is gone on without; back again it gives them up and takes part with new ones', async () => {
    const [a, b] = [start(0), start(1)]
    await goesOn()
    b.discard()
    await b.ended
    await a.says('taking over the recovery partitions of process 1')
    await a.says('1 workers in 1 of 2 processes')
    await goesOn()
    const again = start(1)
    await again.says('another one took its recovery partitions over')
    await again.says('2 workers in 2 of 2 processes')
    await goesOn()
    // What it has now was never used: without it nothing is missing.
    again.discard()
    await again.ended
    await a.says('1 workers in 1 of 2 processes', 2)
    await goesOn()
    await stopped(a)
    expect(gaps(await linesIn(folder.file('out')))).to.deep.equal({ lost: 0, doubled: 0 })
  })

  it('is refused whatever it still writes when it was only stopped, and gives them up alive', async () => {
    const [a, b] = [start(0), start(1)]
    await goesOn()
    b.signal('SIGSTOP')
    await a.says('1 workers in 1 of 2 processes')
    await goesOn()
    const woken = systemRuntime.now()
    b.signal('SIGCONT')
    await b.says('another one took its recovery partitions over')
    await b.says('2 workers in 2 of 2 processes', 2)
    await goesOn()
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
