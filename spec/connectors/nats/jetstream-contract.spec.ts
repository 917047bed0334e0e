import { JetStreamSink } from 'tidemark/connectors/nats'
import { describeWriteAheadSink } from 'tidemark/testing'
import { NatsWorld } from '../../support/nats-world.ts'

describe(NatsWorld.titled('JetStreamSink, by its contract'), function () {
  let world: NatsWorld

  before(async function () {
    if (NatsWorld.missing) return this.skip()
    world = await NatsWorld.make()
  })

  after(() => world?.remove())

  if (NatsWorld.missing) return
  describeWriteAheadSink('JetStreamSink', async () => {
    const stream = await world.stream()
    return {
      items: ['a', 'b', 'c', 'd', 'e'],
      sink: () =>
        new JetStreamSink<string>({
          servers: world.url,
          subject: `${stream}.out`,
          markers: `markers_${stream}`,
        }),
      written: async () => (await world.held(stream)).map(({ text }) => text),
      refused: 'x'.repeat(2_000_000),
      away: () => world.server.down('SIGKILL'),
      back: async () => {
        await world.server.up()
        await world.back()
      },
    }
  })
})
