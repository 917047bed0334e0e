import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import { type NatsItem, NatsSink, NatsSource } from 'tidemark/connectors/nats'
import { describeSink, pollNextBatch, TestingSource } from 'tidemark/testing'
import { NatsWorld } from '../../support/nats-world.ts'

describe(NatsWorld.titled('NatsSource and NatsSink'), function () {
  let world: NatsWorld

  before(async function () {
    if (NatsWorld.missing) return this.skip()
    world = await NatsWorld.make()
  })

  after(() => world?.remove())

  const open = (options: Partial<ConstructorParameters<typeof NatsSource>[0]>, worker = 0) =>
    new NatsSource({ servers: world.url, subject: 'core.>', ...options }).build('flow.in', worker)

  const publish = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at += 1) world.connection.publish('core.x', String(at))
    await world.connection.flush()
  }

  const textsOf = (batch: unknown): string[] =>
    Array.isArray(batch)
      ? (batch as NatsItem[]).map(({ data }) => new TextDecoder().decode(data))
      : []

  it('gives what is published while it listens, on one worker', async () => {
    const other = await open({}, 1)
    const part = await open({ batchSize: 2 })
    await publish(3)
    expect(textsOf(await pollNextBatch(part))[0]).to.equal('0')
    expect(typeof (await pollNextBatch(other))).to.equal('symbol')
    await part.close()
    await other.close()
  })

  it('gives a message of a queue group to one of its workers', async () => {
    const parts = [await open({ queue: 'g' }, 0), await open({ queue: 'g' }, 1)]
    await publish(100)
    const seen: string[] = []
    while (seen.length < 100) {
      for (const part of parts) {
        const batch = await part.nextBatch()
        seen.push(...textsOf(batch))
      }
      await world.connection.flush()
    }
    expect(new Set(seen).size).to.equal(100)
    for (const part of parts) await part.close()
  })

  it('publishes every item', async () => {
    const heard: string[] = []
    const subscription = world.connection.subscribe('out.>', {
      callback: (_, message) => {
        heard.push(`${message.subject} ${message.string()}`)
      },
    })
    await world.connection.flush()
    const flow = dataflow('publishes')
    flow
      .input('in', new TestingSource(['a', 'b', 'c']))
      .output('out', new NatsSink<string>({ servers: world.url, subject: (item) => `out.${item}` }))
    await run(flow)
    await world.connection.flush()
    subscription.unsubscribe()
    expect(heard).to.deep.equal(['out.a a', 'out.b b', 'out.c c'])
  })

  if (NatsWorld.missing) return
  describeSink('NatsSink', async () => {
    const subject = world.name()
    const heard: string[] = []
    world.connection.subscribe(subject, {
      callback: (_, message) => {
        heard.push(message.string())
      },
    })
    await world.connection.flush()
    const sink = new NatsSink<string>({ servers: world.url, subject })
    const written = async () => {
      await world.connection.flush()
      return heard
    }
    return { sink, items: ['a', 'b', 'c', 'd'], written }
  })
})
