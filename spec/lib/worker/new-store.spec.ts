import { expect } from 'chai'
import { dataflow } from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'
import { clusterMain, MemoryStore, TestingSink, TestingSource } from 'tidemark/testing'
import type { Store } from '../../../lib/recovery/store.ts'
import { systemRuntime } from '../../../lib/runtime/system.ts'

describe('A store that is new to a flow', () => {
  for (const workers of [1, 3]) {
    it(`moves no key away from its rows, and is written to by nobody (${workers} workers)`, async () => {
      const old = new MemoryStore({ id: 'm', partitions: 2 })
      // Before and behind the old one in the order of the partitions.
      const added = [new MemoryStore({ id: 'a' }), new MemoryStore({ id: 'z', partitions: 3 })]
      const sink = new TestingSink<readonly [string, number]>()
      const flow = dataflow('counting')
      const { EOF } = TestingSource
      flow
        .input('letters', new TestingSource([...LETTERS, EOF, ...LETTERS, EOF, ...LETTERS]))
        .pipe(
          keyOn('letter', (letter) => letter),
          statefulMap('count', (count: number | null) => [(count ?? 0) + 1, (count ?? 0) + 1]),
        )
        .output('out', sink)

      await clusterMain(flow, { workers, recovery: old })
      await clusterMain(flow, { workers, recovery: together([...added, old]) })
      await clusterMain(flow, { workers, recovery: old })

      expect(sink.items.slice(-LETTERS.length).map(([, count]) => count)).to.deep.equal(
        LETTERS.map(() => 3),
      )
      for (const store of added) {
        const partitions = await store.open({
          runtime: systemRuntime,
          alarm: () => {},
        })
        for (const { facts } of partitions) expect(facts.executions).to.deep.equal([])
        await Promise.all(partitions.map((partition) => partition.close()))
      }
    })
  }
})

/** As where each process of a cluster has a store of its own. */
const together = (stores: readonly Store[]): Store => ({
  open: async (host) => (await Promise.all(stores.map((store) => store.open(host)))).flat(),
})

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz']
