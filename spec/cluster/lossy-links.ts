import { linkWires } from '../../cluster/link-wires.ts'
import { FrameNetwork } from '../../lib/exchange/frame-network.ts'
import type { Ground } from '../../lib/run/local-crew.ts'
import type { VirtualBroker } from '../../testing/virtual-broker.ts'
import type { VirtualRuntime } from '../../testing/virtual-runtime.ts'
import { TOKEN } from './link-pair.ts'

/**
 * Workers that reach one another as those of several processes do, by frames over links, through a
 * broker whose weather chance and the spec make.
 */
export const lossyLinks = (
  broker: VirtualBroker,
  runtime: VirtualRuntime,
  execution: number,
): Ground & { readonly close: () => void } => {
  const closing: (() => void)[] = []
  return {
    networks: (count) =>
      Array.from({ length: count }, (_, own) => {
        const others = Array.from({ length: count }, (_each, at) => at).filter((at) => at !== own)
        const { links, close } = linkWires(
          broker.transport(),
          { flowId: 'law', execution, token: TOKEN },
          {
            prefix: 'w',
            own,
            others,
            runtime,
            silence: Number.POSITIVE_INFINITY,
            lost: (_other, error) => {
              throw error
            },
          },
        )
        closing.push(close)
        const wires = Array.from({ length: count }, (_each, at) => links.get(at) ?? null)
        return new FrameNetwork(wires, {
          index: own,
          runtime,
          fail: (error) => {
            throw error
          },
        })
      }),
    runtimeOf: () => runtime,
    close: () => {
      for (const each of closing) each()
    },
  }
}
