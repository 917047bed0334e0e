import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { Folder } from '../../support/folder.ts'
import { NatsWorld } from '../../support/nats-world.ts'

describe(NatsWorld.titled('samples/jetstream-order-statistics.ts'), function () {
  const folder = new Folder()
  let world: NatsWorld

  before(async function () {
    if (NatsWorld.missing) return this.skip()
    world = await NatsWorld.make()
    await folder.make()
  })

  after(async () => {
    await world?.remove()
    if (folder.path !== '') await folder.remove()
  })

  const texts = async (stream: string): Promise<string[]> =>
    (await world.held(stream)).map(({ subject, text }) => `${subject} ${text}`)

  it('sums orders by article, once each, in one run after another, and puts bad ones aside @long', async () => {
    for (const name of ['orders', 'statistics', 'rejects']) {
      await world.manager.streams.add({ name, subjects: [`${name}.>`] })
    }
    const jetstream = world.connection.jetstream()
    const store = folder.file('store')
    const words = ['--import=tsx', '--conditions=source', 'cli/main.ts']
    const tidemark = (...more: readonly string[]) =>
      promisify(execFile)(process.execPath, [...words, ...more], {
        env: { ...process.env, SERVERS: world.url, TAIL: 'no' },
      })
    await tidemark('recovery', 'init', store, '1')
    for (const order of [
      '{"sku":"pen","quantity":2,"price":3}',
      '{"sku":',
      '{"sku":"pen","quantity":1,"price":4}',
    ]) {
      await jetstream.publish('orders.placed', order)
      await tidemark('run', '--no-api', '-r', store, 'samples/jetstream-order-statistics.ts')
    }
    expect(await texts('statistics')).to.deep.equal([
      'statistics.pen {"orders":1,"quantity":2,"revenue":6}',
      'statistics.pen {"orders":2,"quantity":3,"revenue":10}',
    ])
    expect(await texts('rejects')).to.deep.equal(['rejects.orders {"sku":'])
  })
})
