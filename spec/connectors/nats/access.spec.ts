import { expect } from 'chai'
import { ConnectorError } from 'tidemark'
import { type NatsItem, NatsSource, type NatsSourceOptions } from 'tidemark/connectors/nats'
import { pollNextBatch } from 'tidemark/testing'
import { LocalNats } from '../../../cluster/nats-server.ts'
import { NatsWorld } from '../../support/nats-world.ts'

describe(NatsWorld.titled('NatsSource under pressure'), function () {
  let world: NatsWorld

  before(async function () {
    if (NatsWorld.missing) return this.skip()
    world = await NatsWorld.make()
  })

  after(() => world?.remove())

  /** Ten messages reach a partition that has room for three before anybody asks it. */
  const flooded = async (overflow?: 'error' | 'dropOldest' | 'dropNewest') => {
    const subject = world.name()
    const how = overflow === undefined ? {} : { overflow }
    const source = new NatsSource({ servers: world.url, subject, buffer: 3, ...how })
    const part = await source.build('flow.in', 0)
    for (let at = 0; at < 10; at += 1) world.connection.publish(subject, String(at))
    await world.connection.flush()
    // What the server has passed on before this answer has come in as well.
    const probe = await new NatsSource({ servers: world.url, subject: `${subject}.probe` }).build(
      'flow.probe',
      0,
    )
    await probe.close()
    return part
  }

  const texts = (batch: unknown): string[] =>
    (batch as NatsItem[]).map(({ data }) => new TextDecoder().decode(data))

  it('keeps the oldest or the newest, as told', async () => {
    const newest = await flooded('dropOldest')
    expect(texts(await pollNextBatch(newest))).to.deep.equal(['7', '8', '9'])
    await newest.close()
    const oldest = await flooded('dropNewest')
    expect(texts(await pollNextBatch(oldest))).to.deep.equal(['0', '1', '2'])
    await oldest.close()
  })

  it('gives what it has and then fails, unless told', async () => {
    const part = await flooded()
    expect(texts(await pollNextBatch(part))).to.deep.equal(['0', '1', '2'])
    let failure: unknown = null
    try {
      await part.nextBatch()
    } catch (error) {
      failure = error
    }
    expect(failure).to.be.instanceOf(ConnectorError)
    expect(String(failure)).to.include('More than 3 messages')
    await part.close()
  })
})

describe(NatsWorld.titled('a NATS server that asks who we are'), function () {
  let server: LocalNats

  before(async function () {
    if (NatsWorld.missing) return this.skip()
    server = await LocalNats.start({ args: ['--user', 'ada', '--pass', 'p@ss:1'] })
  })

  after(() => server?.stop())

  const enter = async (options: Partial<NatsSourceOptions>): Promise<unknown> => {
    try {
      const source = new NatsSource({ servers: server.url, subject: 'any', ...options })
      const part = await source.build('flow.in', 0)
      await part.close()
      return null
    } catch (error) {
      return error
    }
  }

  it('takes user and password, as options or in the URL', async () => {
    expect(await enter({ user: 'ada', pass: 'p@ss:1' })).to.equal(null)
    const url = server.url.replace('//', `//ada:${encodeURIComponent('p@ss:1')}@`)
    expect(await enter({ servers: url })).to.equal(null)
  })

  it('is not tried again with a wrong password, which no message shows', async () => {
    const url = server.url.replace('//', '//ada:secret@')
    for (const options of [{ user: 'ada', pass: 'secret' }, { servers: url }, {}]) {
      const refused = await enter(options)
      expect(refused).to.be.instanceOf(ConnectorError).and.to.include({ retryable: false })
      expect(String(refused)).to.include('credentials').and.not.include('secret')
    }
  })
})
