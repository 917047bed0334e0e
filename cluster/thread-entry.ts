import { workerData } from 'node:worker_threads'
import type { ThreadStart } from '../lib/run/thread-protocol.ts'
import { runThread } from '../lib/run/thread-worker.ts'
import { systemRuntime } from '../lib/runtime/system.ts'
import { linkWires } from './link-wires.ts'
import { connectNats } from './nats.ts'
import type { FarStart } from './process-execution.ts'
import { messagingTransport } from './transport.ts'

// The code of a thread some of whose other workers are in other processes: it has a connection of
// its own for data. Who is lost is for the main threads to say, over theirs.
const start = workerData as ThreadStart

runThread(start, async (fail) => {
  const { nats, facts, others } = start.extra as FarStart
  if (others.length === 0) return new Map()
  const messaging = await connectNats({ ...nats, name: `${facts.flowId} worker ${start.index}` })
  const { links } = linkWires(messagingTransport(messaging, systemRuntime), facts, {
    prefix: 'w',
    own: start.index,
    others,
    runtime: systemRuntime,
    silence: Number.POSITIVE_INFINITY,
    lost: (_, error) => fail(error),
  })
  return links
})
