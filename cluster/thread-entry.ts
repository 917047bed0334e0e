import { workerData } from 'node:worker_threads'
import type { ThreadBoot } from '../lib/run/thread-protocol.ts'
import { NO_WIRES, runThread } from '../lib/run/thread-worker.ts'
import { systemRuntime } from '../lib/runtime/system.ts'
import { linkWires } from './link-wires.ts'
import type { Messaging } from './messaging.ts'
import { connectNats } from './nats.ts'
import type { FarStart } from './process-execution.ts'
import { messagingTransport, type Transport } from './transport.ts'

// The code of a thread some of whose other workers are in other processes: it has a connection of
// its own for data, which outlives executions. Who is lost is for the main threads to say, over
// theirs.
let connection: { readonly messaging: Messaging; readonly transport: Transport } | null = null

const connect = async ({ nats, facts }: FarStart, index: number): Promise<Transport> => {
  if (connection?.messaging.state === 'closed') connection = null
  if (connection === null) {
    const messaging = await connectNats({ ...nats, name: `${facts.flowId} worker ${index}` })
    connection = { messaging, transport: messagingTransport(messaging, systemRuntime) }
  }
  return connection.transport
}

runThread((workerData as ThreadBoot).module, async (start, fail) => {
  const far = start.extra as FarStart
  if (far.others.length === 0) return NO_WIRES
  const { links, close } = linkWires(await connect(far, start.index), far.facts, {
    prefix: 'w',
    own: start.index,
    others: far.others,
    runtime: systemRuntime,
    silence: Number.POSITIVE_INFINITY,
    lost: (_, error) => fail(error),
  })
  return { wires: links, close }
})
