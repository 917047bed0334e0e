import { linkWires } from '../cluster/link-wires.ts'
import { ClusterError } from '../lib/errors/errors.ts'
import { FrameNetwork } from '../lib/exchange/frame-network.ts'
import type { Network } from '../lib/exchange/network.ts'
import type { VirtualBroker } from './virtual-broker.ts'
import type { VirtualProcess } from './virtual-runtime.ts'

/** Milliseconds without a sign of life from another worker's process after which it is lost. */
const SILENCE = 2000

export interface VirtualCluster {
  readonly networks: readonly Network[]
  close(): void
}

/**
 * Workers joined as those of several processes are: frames over the links of a cluster, which miss
 * one another when nothing is heard for two seconds.
 *
 * @param threads - whose time each worker lives on
 * @param on.failed - told when a worker can't go on with its links
 */
export const virtualCluster = (
  threads: readonly VirtualProcess[],
  on: {
    readonly broker: VirtualBroker
    readonly flowId: string
    readonly execution: number
    readonly failed: (worker: number, error: Error) => void
  },
): VirtualCluster => {
  const token = new Uint8Array(16)
  new DataView(token.buffer).setUint32(0, on.execution)
  const closing: (() => void)[] = []
  const networks = threads.map((thread, own) => {
    const others = threads.flatMap((_, at) => (at === own ? [] : [at]))
    // Heartbeats go on for ever: they must not look as if something were still to come.
    const aside = thread.aside()
    const { links, close } = linkWires(
      on.broker.transport(aside),
      { flowId: on.flowId, execution: on.execution, token },
      {
        prefix: 'w',
        own,
        others,
        runtime: aside,
        silence: SILENCE,
        lost: (_other, error) => on.failed(own, error),
      },
    )
    closing.push(close)
    const wires = threads.map((_, at) => links.get(at) ?? null)
    const fail = (error: unknown): void =>
      on.failed(own, error instanceof Error ? error : new ClusterError(String(error)))
    return new FrameNetwork(wires, { index: own, runtime: thread, fail })
  })
  return {
    networks,
    close: () => {
      for (const each of closing) each()
    },
  }
}
