import { expect } from 'chai'
import { RecoveryError } from '../../../lib/errors/errors.ts'
import { MemoryStore } from '../../../lib/recovery/memory.ts'
import { LogPartition } from '../../../lib/recovery/partition.ts'
import { failure } from '../../support/failure.ts'
import { Holder, quiet } from './rows.ts'

describe('LogPartition.forget', () => {
  for (const fate of ['lost', 'torn'] as const) {
    it(`removes a step's rows when it is asked again after a write that failed (${fate})`, async () => {
      let failing = false
      const store = new MemoryStore({ fate: () => (failing ? fate : 'done') })
      const holder = await Holder.begin(store)
      await holder.append(1, { old: { a: 1, b: 2 }, kept: { a: 3 } })
      await holder.close()

      const [partition] = await store.open(quiet)
      if (!(partition instanceof LogPartition)) throw new Error('a store has log partitions')
      failing = true
      expect(await failure(partition.forget('old'))).to.be.instanceOf(RecoveryError)
      failing = false
      const removed = await partition.forget('old')
      await partition.close()

      // A write that was reported as failed may be there nevertheless.
      expect(removed).to.equal(fate === 'torn' ? 0 : 1)
      const again = await Holder.begin(store)
      expect(await again.load()).to.deep.equal({ 'kept/a': 3 })
      await again.append(2, { kept: { a: 4 } })
      await again.close()
      const last = await Holder.open(store)
      expect(await last.load()).to.deep.equal({ 'kept/a': 4 })
      await last.close()
    })
  }
})
