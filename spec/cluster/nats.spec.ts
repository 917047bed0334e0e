import { expect } from 'chai'
import { connectNats } from '../../cluster/nats.ts'
import { LocalNats } from '../../cluster/nats-server.ts'
import { messagingTransport } from '../../cluster/transport.ts'
import { ClusterError } from '../../lib/errors/errors.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { describeTransport } from './transport-contract.ts'
import { describeWithNats } from './with-nats.ts'

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    systemRuntime.after(5, resolve)
  })

const failure = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

const sockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => /^TCP(Socket|Connect)/.test(name)).length

describeWithNats('NATS', () => {
  describeTransport('a NATS server', async () => {
    const server = await LocalNats.start()
    const connections = await Promise.all(
      ['near', 'far'].map((name) => connectNats({ servers: server.url, name })),
    )
    const [near, far] = connections.map((each) => messagingTransport(each, systemRuntime))
    if (near === undefined || far === undefined) throw new Error('two were asked for')
    return {
      runtime: systemRuntime,
      near,
      far,
      until: async (met) => {
        while (!met()) await turn()
      },
      outage: async () => {
        await server.down('SIGKILL')
        await server.up()
        for (const each of connections) while (each.state !== 'up') await turn()
        while (!near.alive) await turn()
      },
      dispose: async () => {
        near.close()
        far.close()
        for (const each of connections) await each.close()
        await server.stop()
      },
    }
  })

  describe('its register', () => {
    let server: LocalNats
    before(async () => {
      server = await LocalNats.start()
    })
    after(() => server.stop())

    it('lets one of two create a key, and only who knows the last revision write it', async () => {
      const messaging = await connectNats({ servers: server.url, name: 'spec' })
      const register = await messaging.register('one', 60_000)
      const created = await register.create('leader', 'a')
      expect(await register.create('leader', 'b')).to.equal(null)
      const updated = await register.update('leader', 'a again', created ?? 0)
      expect(updated).to.be.greaterThan(created ?? 0)
      expect(await register.update('leader', 'c', created ?? 0)).to.equal(null)
      expect(await register.get('leader')).to.deep.equal({ value: 'a again', revision: updated })
      await register.delete('leader')
      expect(await register.get('leader')).to.equal(null)
      expect(await register.create('leader', 'b')).to.be.greaterThan(updated ?? 0)
      await messaging.close()
    })

    it('says which switch is missing where the server runs without JetStream', async () => {
      const plain = await LocalNats.start({ jetstream: false })
      const messaging = await connectNats({ servers: plain.url, name: 'spec' })
      const error = await failure(messaging.register('one', 1000))
      expect(error).to.be.instanceOf(ClusterError)
      expect(String(error)).to.include('nats-server -js')
      await messaging.close()
      await plain.stop()
    })
  })

  it('names the servers, without their secrets, where none answers', async () => {
    const servers = 'nats://me:secret@127.0.0.1:1'
    const error = await failure(connectNats({ servers, name: 'spec' }))
    expect(error).to.be.instanceOf(ClusterError)
    expect(String(error)).to.include('nats://127.0.0.1:1').and.not.include('secret')
  })

  it('leaves no socket behind of a try that a server did not answer in time @long', async () => {
    const server = await LocalNats.start()
    const before = sockets()
    const signal = (name: NodeJS.Signals): boolean => process.kill(server.pid ?? 0, name)
    signal('SIGSTOP')
    const error = await failure(connectNats({ servers: server.url, name: 'spec' }))
    signal('SIGCONT')
    expect(String(error)).to.include('has not answered as a NATS server within 5 s')
    // A socket that was destroyed is let go of in the next turn.
    while (sockets() > before) await turn()
    const messaging = await connectNats({ servers: server.url, name: 'spec' })
    expect(sockets()).to.equal(before + 1)
    await messaging.close()
    await server.stop()
  })

  it('lets nobody in who has not the password', async () => {
    const server = await LocalNats.start({ args: ['--user', 'me', '--pass', 'right'] })
    const address = server.url.replace('nats://', '')
    const refused = await failure(connectNats({ servers: server.url, name: 'spec' }))
    expect(String(refused)).to.match(
      /^ClusterError: .* lets nobody in .*NATS_USER and NATS_PASSWORD/,
    )
    const inUrl = await connectNats({ servers: `nats://me:right@${address}`, name: 'spec' })
    const apart = await connectNats({ servers: address, user: 'me', pass: 'right', name: 'spec' })
    await inUrl.roundTrip()
    await apart.roundTrip()
    await inUrl.close()
    await apart.close()
    await server.stop()
  })
})
