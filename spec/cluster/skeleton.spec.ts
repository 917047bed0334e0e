import { expect } from 'chai'
import { type Dataflow, dataflow, type Runtime } from 'tidemark'
import { keyOn, mapValue, statefulMap } from 'tidemark/operators'
import { linkWires } from '../../cluster/link-wires.ts'
import type { Messaging } from '../../cluster/messaging.ts'
import { connectNats } from '../../cluster/nats.ts'
import { LocalNats } from '../../cluster/nats-server.ts'
import { messagingTransport, type Transport } from '../../cluster/transport.ts'
import { FrameNetwork } from '../../lib/exchange/frame-network.ts'
import { MemoryStore } from '../../lib/recovery/memory.ts'
import { type Ground, LocalCrew } from '../../lib/run/local-crew.ts'
import { settingsOf } from '../../lib/run/options.ts'
import { run } from '../../lib/run/run.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import { PartsSource } from '../support/parts-source.ts'
import { PositionSink } from '../support/position-sink.ts'
import { TOKEN } from './link-pair.ts'
import { describeWithNats } from './with-nats.ts'

const ITEMS = 3000
const PARTS = 4

/** Running counts by key, from four partitions into a sink that resumes by position. */
const counting = (tapped: (count: number) => void = () => {}) => {
  const parts = Array.from({ length: PARTS }, (_, part) =>
    Array.from({ length: ITEMS }, (_, at) => (at * 7 + part) % 50),
  )
  const sink = new PositionSink<string>(3)
  const flow = dataflow('counting')
  let seen = 0
  flow
    .input('in', new PartsSource(parts, { batchSize: 40 }))
    .pipe(
      keyOn('by number', (n) => `k${n}`),
      statefulMap('count', (count: number | null) => [(count ?? 0) + 1, (count ?? 0) + 1]),
      mapValue('line', (count) => {
        seen += 1
        tapped(seen)
        return String(count)
      }),
    )
    .output('out', sink)
  return { flow, sink }
}

/** Workers of one process, joined as those of several are: by frames over links over NATS. */
const overLinks = (transport: Transport, execution: number): Ground & { close: () => void } => {
  const closing: (() => void)[] = []
  const networks = (count: number) =>
    Array.from({ length: count }, (_, index) => {
      const others = Array.from({ length: count }, (_, at) => at).filter((at) => at !== index)
      const { links, close } = linkWires(
        transport,
        { flowId: 'counting', execution, token: TOKEN },
        {
          prefix: '',
          own: index,
          others,
          runtime: systemRuntime,
          silence: Number.POSITIVE_INFINITY,
          lost: () => {},
        },
      )
      closing.push(close)
      const wires = Array.from({ length: count }, (_, at) => links.get(at) ?? null)
      return new FrameNetwork(wires, {
        index,
        runtime: systemRuntime,
        fail: (error) => {
          throw error
        },
      })
    })
  return {
    networks,
    runtimeOf: (): Runtime => systemRuntime,
    close: () => {
      for (const each of closing) each()
    },
  }
}

describeWithNats('A flow on workers that reach one another over NATS', () => {
  let server: LocalNats
  let messaging: Messaging
  let transport: Transport
  let execution = 0

  before(async () => {
    server = await LocalNats.start()
    messaging = await connectNats({ servers: server.url, name: 'skeleton' })
    transport = messagingTransport(messaging, systemRuntime)
  })
  after(async () => {
    transport.close()
    await messaging.close()
    await server.stop()
  })

  const runOverLinks = async (flow: Dataflow, workers: number, recovery: MemoryStore) => {
    execution += 1
    const settings = settingsOf({ workers, recovery, epochInterval: 10 })
    const host = { report: () => {}, committed: () => {} }
    const ground = overLinks(transport, execution)
    try {
      return await new LocalCrew(flow, settings, host, ground).run()
    } finally {
      ground.close()
    }
  }

  const alone = async (): Promise<string[]> => {
    const { flow, sink } = counting()
    await run(flow)
    return sink.items.sort()
  }

  it('gives on two what it gives on one', async () => {
    const { flow, sink } = counting()
    await runOverLinks(flow, 2, new MemoryStore())
    expect(sink.items.sort()).to.deep.equal(await alone())
  })

  it('killed on two workers, it goes on on three, and nothing is lost or doubled', async () => {
    const store = new MemoryStore({ partitions: 4 })
    let strike = (PARTS * ITEMS) / 2
    const { flow, sink } = counting((seen) => {
      if (seen !== strike) return
      strike = -1
      throw new Error('struck')
    })
    const failure = await runOverLinks(flow, 2, store).catch((error: unknown) => String(error))
    expect(failure).to.include('struck')
    await runOverLinks(flow, 3, store)
    expect(sink.items.sort()).to.deep.equal(await alone())
  })

  it('loses and doubles nothing when the server is killed and started again on the way', async () => {
    let restarted: Promise<void> | null = null
    const { flow, sink } = counting((seen) => {
      if (seen !== 2000) return
      restarted = server.down('SIGKILL').then(() => server.up())
    })
    await runOverLinks(flow, 2, new MemoryStore())
    await restarted
    expect(sink.items.sort()).to.deep.equal(await alone())
  })
})
