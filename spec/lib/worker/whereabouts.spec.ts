import { expect } from 'chai'
import { dataflow } from 'tidemark'
import { keyOn, map, mapValue, statefulMap } from 'tidemark/operators'
import { TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'
import { MemoryGroup, memoryNetworks } from '../../../lib/exchange/memory-network.ts'
import type { Network } from '../../../lib/exchange/network.ts'
import { Whereabouts, whereaboutText } from '../../../lib/worker/whereabouts.ts'
import { Worker } from '../../../lib/worker/worker.ts'

describe('Whereabouts', () => {
  it('tell from outside which step a worker is in, and what it has in hand', async () => {
    const inside = new Whereabouts()
    const outside = new Whereabouts(inside.memory)
    let actors: readonly string[] = []
    const seen: string[] = []
    const look = (): void => {
      seen.push(whereaboutText(outside.read(), actors))
    }
    look()
    const flow = dataflow('clicks')
    flow
      .input('numbers', new TestingSource([7, 8, 9]))
      .pipe(
        map('double', (n: number) => {
          if (n === 9) look()
          return n
        }),
        keyOn('by user', (n) => `user ${n}`),
        statefulMap('count', (count: number | null, n: number) => {
          if (n === 8) look()
          return [(count ?? 0) + 1, n]
        }),
        mapValue('as it is', (n) => n),
      )
      .output('out', new TestingSink([]))
    const runtime = new VirtualRuntime({ seed: 1 })
    const [network] = memoryNetworks(1, runtime)
    const worker = new Worker({
      flow,
      runtime,
      network: network as Network,
      group: new MemoryGroup(1).member(0),
      epochInterval: 1000,
      onError: 'stop',
      recovery: null,
      report: () => {},
      committed: () => {},
      whereabouts: inside,
      assembled: (titles) => {
        actors = titles
      },
    })
    await runtime.run(worker.run())
    look()
    expect(seen).to.deep.equal([
      'before its steps begin: it loads the module of the flow',
      'in one of the steps from "clicks.double" to "clicks.by user", with a batch of 3 items',
      'in step "clicks.count", with a batch of 3 items, the first with the key "user 7"',
      'between two turns: in a callback, or collecting garbage',
    ])
  })

  it('keep of a key no more than there is room for', () => {
    const whereabouts = new Whereabouts()
    whereabouts.enter(3)
    expect(whereabouts.read()).to.deep.equal({ actor: 3, items: 0, key: null })
    whereabouts.batch({ keys: ['x'.repeat(1000)], values: [1] })
    expect(whereabouts.read()).to.deep.equal({ actor: 3, items: 1, key: 'x'.repeat(64) })
    const text = whereaboutText({ actor: 0, items: 1, key: 'a"b' }, ['step "x"'])
    expect(text).to.equal('in step "x", with an item with the key "a\\"b"')
    whereabouts.leave()
    expect(whereabouts.read()).to.equal(null)
  })
})
