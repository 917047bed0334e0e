import { expect } from 'chai'
import { RecoveryError } from '../../../lib/errors/errors.ts'
import { MemoryStore } from '../../../lib/recovery/memory.ts'
import type { WriteFate } from '../../../lib/recovery/memory-table.ts'
import { blockOf, Holder } from './rows.ts'
import { describeStore } from './store-contract.ts'

describeStore('MemoryStore', async (options) => ({
  store: new MemoryStore(options),
  remove: async () => undefined,
}))

describe('MemoryStore, when a write fails', () => {
  const failing = async (fate: WriteFate) => {
    let next: WriteFate = 'done'
    const store = new MemoryStore({
      fate: () => {
        const now = next
        next = 'done'
        return now
      },
    })
    const holder = await Holder.begin(store)
    const [partition] = holder.partitions
    if (partition === undefined) throw new Error('a store has a partition')
    next = fate
    const error = await partition.append(2, [blockOf('count', 1, { a: 1 })]).then(
      () => null,
      (cause: unknown) => cause,
    )
    return { store, holder, partition, error }
  }

  for (const fate of ['lost', 'torn'] as const) {
    it(`rejects, and takes the same rows with later ones, each once (${fate})`, async () => {
      const { store, holder, partition, error } = await failing(fate)
      expect(error).to.be.instanceOf(RecoveryError)

      await partition.append(3, [blockOf('count', 1, { a: 1 }), blockOf('count', 2, { b: 2 })])

      expect(partition.facts.frontier).to.deep.equal({ execution: 0, epoch: 3 })
      await holder.close()
      const next = await Holder.open(store)
      expect(await next.load()).to.deep.equal({ 'count/a': 1, 'count/b': 2 })
    })
  }

  it('writes nothing over one that is there although it was reported as failed', async () => {
    let torn = false
    const store = new MemoryStore({
      fate: async (): Promise<WriteFate> => {
        const fate = torn ? 'torn' : 'done'
        torn = false
        return fate
      },
    })
    const holder = await Holder.begin(store)
    const [partition] = holder.partitions
    if (partition === undefined) throw new Error('a store has a partition')
    await partition.append(2, [blockOf('count', 1, { a: 1 })])
    torn = true
    const append = partition.append(3, [blockOf('count', 2, { a: 2 })]).catch(() => {})
    // Asked for while the write before it is still under way.
    await Promise.all([append, partition.commit(2)])
    store.crash()
    const next = await Holder.open(store)
    expect(await next.load()).to.deep.equal({ 'count/a': 2 })
  })

  it('moves no frontier past rows that were not written', async () => {
    const { partition } = await failing('lost')

    expect(partition.facts.frontier).to.deep.equal({ execution: 0, epoch: 1 })
  })

  it('keeps every acknowledged write over a crash that loses the unsynced ones', async () => {
    const store = new MemoryStore({ partitions: 2 })
    const holder = await Holder.begin(store)
    await holder.append(1, { count: { a: 1, b: 1 } })
    await holder.commit(2)
    store.crash('lose')

    const next = await Holder.open(store)

    expect(next.resumeEpoch).to.equal(2)
    expect(await next.load()).to.deep.equal({ 'count/a': 1, 'count/b': 1 })
  })
})

describe('MemoryStore, when its process dies', () => {
  it('lets nothing of the dead process write any more, not even with a table opened afresh', async () => {
    const store = new MemoryStore()
    const holder = await Holder.begin(store)
    const [zombie] = holder.partitions
    if (zombie === undefined) throw new Error('a store has a partition')
    store.crash()
    for (const frontier of [2, 3]) {
      const error = await zombie.append(frontier, [blockOf('count', 1, { a: frontier })]).then(
        () => null,
        (cause: unknown) => cause,
      )
      expect(error).to.be.instanceOf(Error)
    }
    const [partition] = (await Holder.open(store)).partitions
    expect(partition?.facts.frontier?.epoch).to.equal(1)
  })
})
