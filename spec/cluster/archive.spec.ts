import { rm } from 'node:fs/promises'
import { expect } from 'chai'
import { run } from 'tidemark'
import { LocalNats } from '../../cluster/nats-server.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { Folder } from '../support/folder.ts'
import { counting } from './flows/counting.ts'
import { linesIn, Member } from './troupe.ts'
import { describeWithNats } from './with-nats.ts'

const BEGINS = 'takes part in execution '

describeWithNats('A process whose recovery directory is deleted while it is down @long', () => {
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

  const start = (process: number, items: number, archived: boolean): Member => {
    const member = new Member({
      process,
      count: 2,
      servers: server.url,
      args: [folder.file('out'), items, 60],
      workers: 1,
      epochInterval: 50,
      dir: folder.file(`store-${process}`),
      ...(archived ? { archive: folder.file('archive') } : {}),
    })
    members.push(member)
    return member
  }

  /** Lines are written once epochs are being committed. */
  const underWay = async (): Promise<void> => {
    for (;;) {
      const lines = await linesIn(folder.file('out')).catch(() => [])
      if (lines.length > 20) return
      await new Promise<void>((resolve) => {
        systemRuntime.after(50, resolve)
      })
    }
  }

  it('is restored from the archive, and nothing is lost or doubled', async () => {
    const a = start(0, 1200, true)
    const b = start(1, 1200, true)
    await Promise.all([a.says(BEGINS), b.says(BEGINS)])
    await underWay()
    b.discard()
    await b.ended
    await rm(folder.file('store-1'), { recursive: true, force: true })
    const again = start(1, 1200, true)
    expect(await Promise.all([a.ended, again.ended])).to.deep.equal([0, 0])
    expect(again.log).to.contain('was restored from dir:')
    await run(counting(folder.file('alone'), 1200, 0))
    expect(await linesIn(folder.file('out'))).to.deep.equal(await linesIn(folder.file('alone')))
  })

  it('ends the flow with an error that names its store where there is no archive', async () => {
    const a = start(0, 1200, false)
    const b = start(1, 1200, false)
    await Promise.all([a.says(BEGINS), b.says(BEGINS)])
    await underWay()
    b.discard()
    await b.ended
    await rm(folder.file('store-1'), { recursive: true, force: true })
    await a.says('waiting for process 1 of 2: the recovery partitions kept there are needed')
    const again = start(1, 1200, false)
    expect(await Promise.all([a.ended, again.ended])).to.deep.equal([1, 1])
    expect(`${a.log}${again.log}`).to.contain('of which no partition is here')
    // What the other wrote until it knew, and nothing from the beginning again.
    const lines = await linesIn(folder.file('out'))
    expect(new Set(lines).size).to.equal(lines.length)
  })
})
