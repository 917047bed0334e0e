import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { connectNats, openObjectStore } from '../../cluster/nats.ts'
import { inboxPrefixOf, natsAcl } from '../../cluster/nats-acl.ts'
import { LocalNats } from '../../cluster/nats-server.ts'
import { Folder } from '../support/folder.ts'
import { Member } from './troupe.ts'
import { describeWithNats } from './with-nats.ts'

describeWithNats('natsAcl', () => {
  const folder = new Folder()
  let server: LocalNats

  before(async () => {
    await folder.make()
    const config = folder.file('nats.conf')
    const user = natsAcl('counting', 'far').replace('$TIDEMARK_PASSWORD', '"secret"')
    const stranger = natsAcl('other', 'elsewhere').replace('$TIDEMARK_PASSWORD', '"secret"')
    await writeFile(config, `authorization { users = [\n${user}\n${stranger}\n] }\n`)
    server = await LocalNats.start({ args: ['-c', config] })
  })
  after(async () => {
    await server.stop()
    await folder.remove()
  })

  const enter = (user: string) =>
    connectNats({
      servers: server.url,
      user,
      pass: 'secret',
      inboxPrefix: inboxPrefixOf(user),
      name: 'spec',
    })

  it('lets a process do all that it has to', async () => {
    const member = new Member({
      process: 0,
      count: 1,
      servers: server.url,
      nats: { user: 'counting', pass: 'secret', inboxPrefix: inboxPrefixOf('counting') },
      args: [folder.file('out'), 100, 0],
      workers: 2,
      dir: folder.file('store'),
      epochInterval: 50,
    })
    expect(await member.ended, member.log).to.equal(0)
    expect(member.output).to.equal('eof 400\n')
  })

  it('lets it make its archive, write, read, list and remove there, and no other', async () => {
    const archive = await openObjectStore('far', {
      servers: server.url,
      user: 'counting',
      pass: 'secret',
      inboxPrefix: inboxPrefixOf('counting'),
    })
    // More than one message of an object store holds.
    const bytes = new Uint8Array(300_000).fill(7)
    expect(await archive.create('one', bytes)).to.equal(true)
    expect(await archive.create('one', bytes)).to.equal(false)
    expect(await archive.read('one', bytes.length)).to.deep.equal(bytes)
    expect(await archive.list('o')).to.deep.equal(['one'])
    await archive.remove('one')
    const other = await enter('other')
    other.publish('$O.far.M.dHdv', new TextEncoder().encode('{"name":"two"}'))
    await other.roundTrip()
    expect(await archive.list('')).to.deep.equal([])
    await archive.close()
    await other.close()
  })

  it("keeps another flow's process out of the subjects and the buckets of this one", async () => {
    const own = await enter('counting')
    const other = await enter('other')
    const heard: string[] = []
    own.subscribe('tidemark.counting.>', (_, subject) => heard.push(subject))
    await own.roundTrip()
    other.publish('tidemark.counting.ctl.plan', new Uint8Array(1))
    await other.roundTrip()
    own.publish('tidemark.counting.ctl.hello', new Uint8Array(1))
    await own.roundTrip()
    expect(heard).to.deep.equal(['tidemark.counting.ctl.hello'])
    await own.close()
    await other.close()
  })
})
