import { expect } from 'chai'
import fc from 'fast-check'
import { LockedPartitionError, RecoveryError } from '../../../lib/errors/errors.ts'
import type { Store, StoreHost } from '../../../lib/recovery/store.ts'
import type { DurationLike } from '../../../lib/time/time.ts'
import { blockOf, Holder, quiet, type Rows } from './rows.ts'

interface MadeStore {
  readonly store: Store
  remove(): Promise<void>
}

export type MakeStore = (options: {
  readonly partitions: number
  readonly backupInterval?: DurationLike
}) => Promise<MadeStore>

/** What the engine relies on in every store. */
export const describeStore = (name: string, make: MakeStore): void => {
  describe(name, () => {
    let made: MadeStore

    const fresh = async (options: { partitions?: number; backupInterval?: number } = {}) => {
      made = await make({ partitions: 3, ...options })
      return made.store
    }

    afterEach(() => made.remove())

    it('resumes at epoch 1, as execution 0, when nothing is stored', async () => {
      const holder = await Holder.open(await fresh())

      expect([holder.execution, holder.resumeEpoch]).to.deep.equal([0, 1])
      expect(await holder.load()).to.deep.equal({})
      await holder.close()
    })

    it('gives the newest row of each key before the resume epoch, each once', async () => {
      const store = await fresh()
      const first = await Holder.begin(store)
      await first.append(1, { count: { a: 1, b: 1, ж: 1 }, sum: { a: 'x' } })
      await first.append(2, { count: { a: 2 }, sum: { a: 'y', c: 'z' } })
      await first.close()

      const second = await Holder.open(store)

      expect([second.execution, second.resumeEpoch]).to.deep.equal([1, 3])
      expect(await second.load()).to.deep.equal({
        'count/a': 2,
        'count/b': 1,
        'count/ж': 1,
        'sum/a': 'y',
        'sum/c': 'z',
      })
      await second.close()
    })

    it('gives no row of a key that is gone, before and after it was collected', async () => {
      const store = await fresh()
      const first = await Holder.begin(store)
      await first.append(1, { count: { a: 1, b: 1 } })
      await first.append(2, { count: { a: null } })
      await first.close()
      const second = await Holder.open(store)
      expect(await second.load()).to.deep.equal({ 'count/b': 1 })
      await second.start()
      await second.append(3, { count: { a: 3 } })
      await second.commit(4)
      await second.close()

      const third = await Holder.open(store)

      expect(await third.load()).to.deep.equal({ 'count/a': 3, 'count/b': 1 })
      await third.close()
    })

    it("never loads what a dead execution wrote at or after the next one's resume epoch", async () => {
      const store = await fresh({ partitions: 2 })
      const first = await Holder.begin(store)
      await first.append(1, { count: { a: 1, b: 1, c: 1, d: 1 } })
      // Only one partition got as far as epoch 3: the flow resumes at 2.
      const [ahead] = first.partitions
      await ahead?.append(4, [blockOf('count', 3, { stale: 9 })])
      await first.close()
      const second = await Holder.begin(store)
      expect(second.resumeEpoch).to.equal(2)
      for (const epoch of [2, 3, 4]) await second.append(epoch, { count: { b: epoch } })
      await second.close()

      const third = await Holder.open(store)

      expect(await third.load()).to.deep.equal({
        'count/a': 1,
        'count/b': 4,
        'count/c': 1,
        'count/d': 1,
      })
      await third.close()
    })

    it('knows an execution that wrote nothing', async () => {
      const store = await fresh()
      for (const execution of [0, 1, 2]) {
        const holder = await Holder.begin(store)
        expect([holder.execution, holder.resumeEpoch]).to.deep.equal([execution, 1])
        await holder.close()
      }
    })

    it('refuses a second hold while the first is there, and naming what to do', async () => {
      const store = await fresh()
      const holder = await Holder.open(store)

      const error = await store.open(quiet).then(
        () => null,
        (cause: unknown) => cause,
      )

      expect(error).to.be.instanceOf(LockedPartitionError)
      expect(String(error)).to.contain('Stop that one first')
      await holder.close()
      await (await Holder.open(store)).close()
    })

    it('belongs to the flow that came first', async () => {
      const store = await fresh()
      const holder = await Holder.open(store)
      await holder.start('orders')
      await holder.close()
      const other = await Holder.open(store)

      const error = await other.start('payments').then(
        () => null,
        (cause: unknown) => cause,
      )

      expect(error).to.be.instanceOf(RecoveryError)
      expect(String(error)).to.match(/orders.*payments/)
      await other.close()
    })

    it('keeps what is needed to resume from any epoch committed within the backup interval', async () => {
      const store = await fresh({ partitions: 1, backupInterval: 1000 })
      let now = 0
      const host: StoreHost = { ...quiet, runtime: { ...quiet.runtime, now: () => now } }
      const holder = await Holder.begin(store, host)
      for (let epoch = 1; epoch <= 10; epoch++) {
        now = epoch * 400
        await holder.append(epoch, { count: { a: epoch } })
        await holder.commit(epoch + 1)
      }
      await holder.close()
      const [facts] = holder.partitions.map((partition) => partition.facts)

      // Committed at 3200: epoch 9; at 2800, which is more than a second ago: epoch 8.
      expect(facts?.collected).to.equal(8)
    })

    it('collects nothing that an undisturbed history would load, at any epoch', async () => {
      await fc.assert(
        fc.asyncProperty(histories, async (history) => {
          await made?.remove()
          const store = await fresh({ partitions: 2 })
          const expected: Record<string, unknown> = {}
          for (const run of history) {
            const holder = await Holder.open(store)
            expect(await holder.load()).to.deep.equal(expected)
            await holder.start()
            let epoch = holder.resumeEpoch
            for (const rows of run) {
              await holder.append(epoch++, { count: pad(rows) })
              await holder.commit(epoch)
              for (const [key, state] of Object.entries(pad(rows))) {
                if (state === null) delete expected[`count/${key}`]
                else expected[`count/${key}`] = state
              }
            }
            await holder.close()
          }
        }),
        { numRuns: 15 },
      )
    })
  })
}

/** Big enough states that a few epochs make garbage worth collecting. */
const pad = (rows: Rows): Rows =>
  Object.fromEntries(
    Object.entries(rows).map(([key, state]) => [
      key,
      state === null ? null : `${state}`.repeat(20_000),
    ]),
  )

const histories = fc.array(
  fc.array(
    fc.dictionary(
      fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      fc.option(fc.nat(9), { freq: 3 }),
      {
        noNullPrototype: true,
      },
    ),
    { maxLength: 12 },
  ),
  { minLength: 2, maxLength: 4 },
)
