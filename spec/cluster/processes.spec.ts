import { expect } from 'chai'
import { run } from 'tidemark'
import { LocalNats } from '../../cluster/nats-server.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { Folder } from '../support/folder.ts'
import { counting } from './flows/counting.ts'
import { linesIn, Member } from './troupe.ts'
import { describeWithNats } from './with-nats.ts'

const BEGINS = 'takes part in execution '
const pause = (time: number): Promise<void> =>
  new Promise((resolve) => {
    systemRuntime.after(time, resolve)
  })

describeWithNats('A flow in several processes @long', () => {
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

  /** Members with a worker more each; with a recovery directory of their own, or one for all. */
  const begin = (options: {
    readonly items: number
    readonly pause: number
    readonly stores: 'own' | 'one'
    readonly count?: number
  }): Member[] => {
    const { items, pause: paused, stores, count = 2 } = options
    members = Array.from({ length: count }, (_, process) => {
      const dir = folder.file(stores === 'own' ? `store-${process}` : 'store')
      return new Member({
        process,
        count,
        servers: server.url,
        args: [folder.file('out'), items, paused],
        workers: 1 + (process % 2),
        epochInterval: 50,
        dir,
      })
    })
    return members
  }

  /** Resolves when more has been written than when it was asked. */
  const goesOn = async (): Promise<void> => {
    const written = async (): Promise<number> =>
      (await linesIn(folder.file('out')).catch(() => [])).length
    const before = await written()
    while ((await written()) <= before) await pause(50)
  }

  /** What one process alone leaves. */
  const undisturbed = async (items: number): Promise<string[]> => {
    await run(counting(folder.file('alone'), items, 0))
    return linesIn(folder.file('alone'))
  }

  const ends = (): Promise<(number | null)[]> => Promise.all(members.map(({ ended }) => ended))

  it('goes on from the last committed epoch when any process is killed, stores apart', async () => {
    const [a, b] = begin({ items: 1000, pause: 50, stores: 'own' }) as [Member, Member]
    await Promise.all([a.says(BEGINS), b.says(BEGINS)])
    b.signal('SIGKILL')
    await Promise.all([a.says(BEGINS, 2), b.says(BEGINS, 2)])
    a.signal('SIGKILL')
    await Promise.all([a.says(BEGINS, 3), b.says(BEGINS, 3)])
    expect(await ends()).to.deep.equal([0, 0])
    expect(await linesIn(folder.file('out'))).to.deep.equal(await undisturbed(1000))
  })

  it('goes on without a process that is stopped for long, once it is back; nothing is doubled', async () => {
    const [a, b] = begin({ items: 600, pause: 60, stores: 'own' }) as [Member, Member]
    await Promise.all([a.says(BEGINS), b.says(BEGINS)])
    b.signal('SIGSTOP')
    await a.says('the execution failed')
    b.signal('SIGCONT')
    expect(await ends()).to.deep.equal([0, 0])
    expect(a.times(BEGINS)).to.be.at.least(2)
    expect(await linesIn(folder.file('out'))).to.deep.equal(await undisturbed(600))
  })

  it('bridges restarts of the NATS server in one execution, stops as a whole when any one is told to', async () => {
    const [a, b] = begin({ items: 9000, pause: 60, stores: 'one' }) as [Member, Member]
    await Promise.all([a.says(BEGINS), b.says(BEGINS)])
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      await pause(200)
      await server.down(signal)
      await server.up()
      await goesOn()
    }
    b.signal('SIGTERM')
    expect(await ends(), `${a.log}${b.log}`).to.deep.equal([0, 0])
    expect(a.output).to.match(/^stopped \d+\n$/)
    expect([a.times(BEGINS), b.times(BEGINS)]).to.deep.equal([1, 1])
    begin({ items: 9000, pause: 0, stores: 'one', count: 3 })
    expect(await ends()).to.deep.equal([0, 0, 0])
    expect(await linesIn(folder.file('out'))).to.deep.equal(await undisturbed(9000))
  })
})
