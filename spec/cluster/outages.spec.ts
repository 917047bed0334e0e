import { expect } from 'chai'
import { VirtualRuntime } from 'tidemark/testing'
import type { ConnectionState } from '../../cluster/messaging.ts'
import { tellOfOutages } from '../../cluster/outages.ts'

describe('tellOfOutages', () => {
  const watched = () => {
    const runtime = new VirtualRuntime({ seed: 1 })
    const said: string[] = []
    let become: (state: ConnectionState) => void = () => {}
    const watch = tellOfOutages(
      {
        onState: (listen) => {
          become = listen
          return { end: () => {} }
        },
      },
      { runtime, report: (level, message) => said.push(`${level}: ${message}`) },
    )
    return { runtime, said, watch, become: (state: ConnectionState) => become(state) }
  }

  it('says that NATS is away, and for how long it was', async () => {
    const { runtime, said, become } = watched()
    become('down')
    await runtime.advance(7000)
    become('up')
    expect(said).to.deep.equal([
      'warn: NATS is away: the flow stands still until it is there again',
      'info: NATS is there again after 7 s; the flow goes on',
    ])
  })

  it('does not speak of an interruption that is over at once, nor after its end', async () => {
    const { runtime, said, watch, become } = watched()
    become('down')
    await runtime.advance(900)
    become('up')
    become('down')
    watch.end()
    await runtime.advance(5000)
    expect(said).to.deep.equal([])
  })
})
