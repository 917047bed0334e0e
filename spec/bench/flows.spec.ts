import { expect } from 'chai'
import { loadWorkload } from '../../bench/catalog.ts'

/** Workloads whose flows are held to an oracle. */
const FLOWS = ['W1', 'W1b', 'W2', 'W3a', 'W3b', 'W3f', 'W4a', 'W4b', 'W4c', 'W5']

describe('bench flows', () => {
  for (const id of FLOWS) {
    it(`${id}: every flow gives the oracle's answer, over one pass and over six`, async () => {
      const workload = await loadWorkload(id)
      for (const ours of workload.variants.filter((variant) => variant.startsWith('tidemark'))) {
        for (const passes of [1, 6]) {
          const checked = await workload.check(ours, 3000, passes)
          expect(checked?.got, `${id} ${ours} over ${passes}`).to.deep.equal(checked?.expected)
        }
      }
    })
  }
})
