import { VirtualBroker } from '../../testing/virtual-broker.ts'
import { VirtualRuntime } from '../../testing/virtual-runtime.ts'
import { describeTransport } from '../cluster/transport-contract.ts'

describeTransport('the broker in memory', async () => {
  const runtime = new VirtualRuntime({ seed: 5 })
  const broker = new VirtualBroker(runtime)
  return {
    runtime,
    near: broker.transport(),
    far: broker.transport(),
    until: async (met) => {
      for (let turn = 0; !met(); turn++) {
        if (turn > 10_000) throw new Error('It never comes to that.')
        await runtime.advance(50)
      }
    },
    outage: async () => {
      broker.cut()
      await runtime.advance(3000)
      broker.mend()
    },
    dispose: async () => {},
  }
})
