import { expect } from 'chai'
import { loadWorkload, NEXMARK } from '../../bench/catalog.ts'

/** Workloads whose flows are held to an oracle. */
const FLOWS = ['W1', 'W1b', 'W2', 'W3a', 'W3b', 'W3f', 'W4a', 'W4b', 'W4c', 'W5', ...NEXMARK]

describe('bench flows', () => {
  it('W8s: a run goes on from the state of every key', async () => {
    const workload = await loadWorkload('W8s')
    for (const variant of workload.variants) {
      const checked = await workload.check(variant, 2000, 5)
      expect(checked?.got, variant).to.deep.equal(checked?.expected)
    }
  })

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
