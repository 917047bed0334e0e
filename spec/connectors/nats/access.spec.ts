import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { connect } from 'nats'
import { ConnectorError, WriteAheadPartition } from 'tidemark'
import {
  JetStreamSink,
  JetStreamSource,
  type NatsItem,
  NatsSink,
  NatsSource,
  type NatsSourceOptions,
} from 'tidemark/connectors/nats'
import { pollNextBatch } from 'tidemark/testing'
import { LocalNats } from '../../../cluster/nats-server.ts'
import { systemRuntime } from '../../../lib/runtime/system.ts'
import { Folder } from '../../support/folder.ts'
import { NatsWorld } from '../../support/nats-world.ts'

describe(NatsWorld.titled('NatsSource under pressure'), () => {
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

describe(NatsWorld.titled('a NATS server that asks who we are'), () => {
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

describe(NatsWorld.titled('a NATS server that does not let us do all'), () => {
  const folder = new Folder()
  let server: LocalNats

  const rules = (password: string): string => `authorization { users = [
    { user: ada, password: ${password} }
    { user: bob, password: b, permissions: {
      publish: { deny: ["secret.>"] }, subscribe: { deny: ["secret.>"] }
    } }
  ] }`

  before(async function () {
    if (NatsWorld.missing) return this.skip()
    await folder.make()
    await writeFile(folder.file('nats.conf'), rules('a'))
    server = await LocalNats.start({ args: ['-c', folder.file('nats.conf')] })
    const connection = await connect({ servers: server.url, user: 'ada', pass: 'a' })
    const manager = await connection.jetstreamManager()
    await manager.streams.add({ name: 'kept', subjects: ['secret.kept'] })
    await connection.close()
  })

  after(async () => {
    await server?.stop()
    await folder.remove()
  })

  const bob = () => ({ servers: server.url, user: 'bob', pass: 'b' })
  const ada = () => ({ servers: server.url, user: 'ada', pass: 'a' })

  /** What a source fails with, sooner or later. */
  const failureIn = async (part: { nextBatch(): unknown }): Promise<unknown> => {
    for (;;) {
      try {
        await part.nextBatch()
        await new Promise((resolve) => setImmediate(resolve))
      } catch (error) {
        return error
      }
    }
  }

  const expectRefusal = (failure: unknown, words: string): void => {
    expect(failure).to.be.instanceOf(ConnectorError).and.to.include({ retryable: false })
    expect(String(failure)).to.include(words)
  }

  it('is heard where it forbids to listen, instead of listening to nothing', async () => {
    const part = await new NatsSource({ ...bob(), subject: 'secret.x' }).build('flow.in', 0)
    expectRefusal(await failureIn(part), 'does not let this user subscribe to "secret.x"')
    await part.close()
  })

  it('is heard where it forbids to publish, instead of losing what is published', async () => {
    const part = await new NatsSink({ ...bob(), subject: 'secret.x' }).build()
    const failure = await Promise.resolve(part.writeBatch(['lost'])).catch(
      (error: unknown) => error,
    )
    expectRefusal(failure, 'does not let this user publish to "secret.x"')
    await part.close()
    const sink = new JetStreamSink({ ...bob(), subject: 'secret.kept' })
    sink.useRun?.({ recovery: true, runtime: systemRuntime })
    const slot = await sink.build('flow.out', '0')
    expect(slot).to.be.instanceOf(WriteAheadPartition)
    const told = await Promise.resolve(slot.fence(1))
      .then(() => slot.deliver(1, ['x']))
      .catch((error: unknown) => error)
    expectRefusal(told, 'does not let this user publish to "secret.kept"')
    await slot.close()
  })

  it('is heard when it lets us in no more @long', async () => {
    const subject = await new NatsSource({ ...ada(), subject: 'any' }).build('flow.in', 0)
    const source = new JetStreamSource({ ...ada(), stream: 'kept' })
    const stream = await source.buildPart('flow.in', source.listParts()[0] ?? '', null)
    await server.down()
    await writeFile(folder.file('nats.conf'), rules('another'))
    await server.up()
    expectRefusal(await failureIn(subject), 'lets this user in no more')
    expectRefusal(await failureIn(stream), 'lets this user in no more')
    await subject.close()
    await stream.close()
  }).timeout(60_000)
})
