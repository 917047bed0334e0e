import { connectCluster } from '../cluster/connect.ts'
import type { Execution } from '../lib/run/execution.ts'
import type { NatsOptions } from '../lib/run/nats-options.ts'
import type { RunOptions } from '../lib/run/options.ts'
import type { FlowModule } from '../lib/run/thread-protocol.ts'
import { FAILED, type World } from './exit.ts'

/** Set for processes that another one has started and waits for. */
export const SUPERVISED = 'TIDEMARK_SUPERVISED'

/** This process among those that run the flow. */
export interface ClusterPlace {
  readonly process: number
  readonly count: number
  /** NATS servers, with commas between. */
  readonly servers: string
  /** Milliseconds before the others go on without a process that stays away; `null` for the usual. */
  readonly takeOverAfter: number | null
}

/** Starts this process's part of the flow. */
export const startInCluster = async (
  flow: FlowModule,
  options: RunOptions,
  { place, world }: { readonly place: ClusterPlace; readonly world: World },
): Promise<Execution> => {
  // A supervisor that is gone can neither stop this process nor start it again.
  if (world.variables[SUPERVISED] === '1') {
    process.once('disconnect', () => world.leave(FAILED))
    if (!process.connected) world.leave(FAILED)
  }
  const { process: own, count, servers, takeOverAfter } = place
  const nats = natsOptions(servers, world.variables)
  const cluster = await connectCluster({
    process: own,
    count,
    nats,
    ...(takeOverAfter === null ? {} : { takeOverAfter }),
  })
  const execution = await cluster.start(flow, options)
  const leave = (): Promise<void> => cluster.close()
  execution.done.then(leave, leave).catch(() => {})
  return execution
}

/** How to get in, by the variables that the tools of NATS read. */
export const natsOptions = (
  servers: string,
  variables: Readonly<Record<string, string | undefined>>,
): NatsOptions => {
  const text = <Name extends string>(name: Name, variable: string): { [N in Name]?: string } => {
    const value = variables[variable]
    return value === undefined || value === '' ? {} : ({ [name]: value } as { [N in Name]: string })
  }
  const tls = {
    ...text('caFile', 'NATS_CA'),
    ...text('certFile', 'NATS_CERT'),
    ...text('keyFile', 'NATS_KEY'),
  }
  return {
    servers,
    ...text('user', 'NATS_USER'),
    ...text('pass', 'NATS_PASSWORD'),
    ...text('token', 'NATS_TOKEN'),
    ...text('creds', 'NATS_CREDS'),
    ...text('nkeySeed', 'NATS_NKEY_SEED'),
    ...text('inboxPrefix', 'NATS_INBOX_PREFIX'),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  }
}
