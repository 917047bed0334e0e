import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { CorruptPartitionError } from '../../lib/errors/errors.ts'
import { markDamaged } from '../../lib/recovery/directory.ts'
import { openArchived } from '../../lib/recovery/open-archived.ts'
import type { LogPartition } from '../../lib/recovery/partition.ts'
import { RecoveryStore } from '../../lib/recovery/recovery-store.ts'
import { verifyArchive } from '../../lib/recovery/restore.ts'
import type { StoreHost } from '../../lib/recovery/store.ts'
import { MemoryArchive } from '../lib/recovery/memory-archive.ts'
import { blockOf, Holder, quiet, type Rows } from '../lib/recovery/rows.ts'
import { rounds } from '../support/effort.ts'
import { failure } from '../support/failure.ts'

const silent = (): void => undefined

describe('A recovery directory with an archive', () => {
  let base: string
  let archive: MemoryArchive

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'archive-'))
    archive = new MemoryArchive()
  })

  afterEach(() => rm(base, { recursive: true, force: true }))

  const open = (name = 'state', options: { required?: boolean; partitions?: number } = {}) => {
    const { required = true, partitions = 2 } = options
    return RecoveryStore.openOrInit(
      { dir: join(base, name), partitions, archive: { ...archive.place, required } },
      silent,
    )
  }

  const lose = (name = 'state') => rm(join(base, name), { recursive: true, force: true })

  it('is restored when it is gone, to the last epoch that was waited for', async () => {
    const first = await Holder.begin(await open())
    await first.append(1, { count: { a: 1, b: 1 } })
    await first.append(2, { count: { a: 2, c: null } })
    await first.close()
    await lose()

    const second = await Holder.open(await open())

    expect([second.execution, second.resumeEpoch]).to.deep.equal([1, 3])
    expect(await second.load()).to.deep.equal({ 'count/a': 2, 'count/b': 1 })
    await second.close()
  })

  it('comes back the same after any history of epochs, losses and clean ends @long', async () => {
    await fc.assert(
      fc.asyncProperty(histories, fc.boolean(), async (history, required) => {
        await rm(base, { recursive: true, force: true })
        archive = new MemoryArchive()
        const expected: Record<string, unknown> = {}
        let execution = 0
        for (const { epochs, loses } of history) {
          const holder = await Holder.open(await open('state', { required }))
          expect(await holder.load()).to.deep.equal(expected)
          expect(holder.execution).to.equal(execution++)
          await holder.start()
          let epoch = holder.resumeEpoch
          for (const rows of epochs) {
            await holder.append(epoch++, { count: pad(rows) })
            await holder.commit(epoch)
            for (const [key, state] of Object.entries(pad(rows))) {
              if (state === null) delete expected[`count/${key}`]
              else expected[`count/${key}`] = state
            }
          }
          await holder.close()
          if (loses) await lose()
        }
      }),
      { numRuns: rounds({ test: 4, ci: 40, torture: 400 }) },
    )
  })

  it('is never behind what was committed where commit waits, killed at any object', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(40), fc.nat(12), async (last, seed) => {
        await rm(base, { recursive: true, force: true })
        archive = new MemoryArchive()
        let made = 0
        const store = await open()
        archive.creating = () => {
          made += 1
          if (made > last) archive.away = new Error('The process is gone.')
        }
        const holder = await Holder.open(store)
        let committed = 0
        const begun = holder.start().then(async () => {
          for (let epoch = 1; epoch < 12; epoch++) {
            await holder.append(epoch, { count: { [`k${(epoch * seed) % 5}`]: epoch, all: epoch } })
            committed = epoch
          }
        })
        await Promise.race([begun.catch(silent), until(() => archive.away !== null)])
        const promised = committed
        await holder.close()
        archive.away = null
        archive.creating = silent
        await lose()

        const next = await Holder.open(await open())

        expect(next.resumeEpoch).to.be.greaterThan(promised)
        expect((await next.load())['count/all'] ?? 0).to.be.at.least(promised)
        expect(next.partitions.some(({ facts }) => facts.uncertain)).to.equal(false)
        await next.close()
      }),
      { numRuns: rounds({ test: 6, ci: 60, torture: 500 }) },
    )
  })

  it('says when it may be behind: nothing was waited for, and the end was no clean one', async () => {
    const first = await Holder.begin(await open('state', { required: false }))
    await first.append(1, { count: { a: 1 } })
    await until(() => first.partitions.every(({ archive: facts }) => facts?.lagEpochs === 0))
    archive.away = new Error('The cable is cut.')
    await first.append(2, { count: { a: 2 } })
    await first.close()
    archive.away = null
    await lose()

    const second = await Holder.open(await open('state', { required: false }))

    expect(second.resumeEpoch).to.equal(2)
    expect(await second.load()).to.deep.equal({ 'count/a': 1 })
    expect(second.partitions.map(({ facts }) => facts.uncertain)).to.deep.equal([true, true])
    await second.start()
    await second.append(2, { count: { a: 3 } })
    expect(second.partitions.map(({ facts }) => facts.uncertain)).to.deep.equal([
      undefined,
      undefined,
    ])
    await second.close()
  })

  it('waits for the archive where that is asked for, and goes on when it is back', async () => {
    const holder = await Holder.begin(await open('state', { partitions: 1 }))
    await holder.append(1, { count: { a: 1 } })
    archive.away = new Error('The cable is cut.')
    const [partition] = holder.partitions
    const blocks = [blockOf('count', 2, { a: 2 })]

    expect(String(await failure(partition?.append(3, blocks) ?? Promise.resolve()))).to.contain(
      'commit waits for it',
    )
    archive.away = null
    await partition?.append(3, blocks)

    expect(partition?.archive?.lagEpochs).to.equal(0)
    await holder.close()
    await lose()
    const second = await Holder.open(await open('state', { partitions: 1 }))
    expect([second.resumeEpoch, await second.load()]).to.deep.equal([3, { 'count/a': 2 }])
    await second.close()
  })

  it('keeps no more than so much while the archive is away for long, then sends an image @long', async () => {
    const alarms: string[] = []
    const host: StoreHost = { ...quiet, alarm: (message) => alarms.push(message) }
    const options = { required: false, partitions: 1 }
    const holder = await Holder.begin(await open('state', options), host)
    archive.away = new Error('The cable is cut.')
    const text = 'x'.repeat(2_000_000)
    let most = 0
    for (let epoch = 1; epoch <= 60; epoch++) {
      await holder.append(epoch, { count: { a: `${epoch}${text}` } })
      await holder.commit(epoch + 1)
      most = Math.max(most, holder.partitions[0]?.archive?.lagBytes ?? 0)
    }
    expect(most).to.be.within(32 * 1024 * 1024, 68 * 1024 * 1024)
    expect(holder.partitions[0]?.archive).to.include({ dropped: 1 })
    expect(alarms.filter((each) => each.includes('takes nothing'))).to.have.length(1)
    archive.away = null
    await until(() => holder.partitions[0]?.archive?.lagEpochs === 0)
    await holder.close()
    await lose()

    const second = await Holder.open(await open('state', options))

    expect(second.resumeEpoch).to.equal(61)
    expect(await second.load()).to.deep.equal({ 'count/a': `60${text}` })
    await second.close()
  })

  it('removes what newer images supersede @long', async () => {
    const place = { ...archive.place, required: true }
    const inner = await RecoveryStore.init(join(base, 'state'), 1)
    const opened = (await inner.open(quiet)) as readonly LogPartition[]
    const [partition] = await openArchived(opened, {
      directory: null,
      place,
      host: quiet,
      settledAfter: 0,
    })
    await partition?.begin('flow', {
      execution: 0,
      resumeEpoch: 1,
      workers: 1,
      stores: [opened[0]?.facts.store ?? ''],
    })
    for (let epoch = 1; epoch <= 800; epoch++) {
      await partition?.append(epoch + 1, [blockOf('count', epoch, { [`k${epoch % 3}`]: epoch })])
      await partition?.commit(epoch + 1)
    }
    await until(() => archive.objects.size < 600)
    await partition?.close()

    const report = await verifyArchive(archive, { store: opened[0]?.facts.store ?? '', count: 1 })

    expect(report).to.include({ resumeEpoch: 801, certain: true })
    expect(archive.objects.size).to.be.lessThan(600)
  })

  it('leaves a dead execution no place to write: it is fenced', async () => {
    const options = { partitions: 1 }
    const failures: Error[] = []
    const host: StoreHost = { ...quiet, fail: (error) => failures.push(error) }
    const zombie = await Holder.begin(await open('state', options), host)
    await zombie.append(1, { count: { a: 1 } })

    const heir = await Holder.begin(await open('elsewhere', options))
    await heir.append(2, { count: { a: 'heir' } })

    expect(String(await failure(zombie.append(2, { count: { a: 'zombie' } })))).to.contain(
      'taken the flow over',
    )
    expect(failures).to.have.length(1)
    expect(String(await failure(zombie.append(3, { count: { a: 'zombie' } })))).to.contain(
      'taken the flow over',
    )
    await zombie.close()
    await heir.close()
    await lose('elsewhere')
    const third = await Holder.open(await open('elsewhere', options))
    expect(await third.load()).to.deep.equal({ 'count/a': 'heir' })
    expect(third.execution).to.equal(2)
    await third.close()
    expect(String(await failure(Holder.open(await open('state', options))))).to.contain('is ahead')
  })

  it('begins no execution that the archive knows, and none that it can not tell apart', async () => {
    const options = { partitions: 1 }
    const one = await Holder.begin(await open('one', options))
    await one.append(1, { count: { a: 1 } })
    await one.close()
    const twin = await Holder.open(await open('two', options))
    const other = await Holder.open(await open('three', options))
    await twin.start()

    expect(String(await failure(other.start()))).to.contain('taken the flow over')
    await twin.close()
    await other.close()
  })

  describe('of which something is damaged', () => {
    const options = { partitions: 1 }

    beforeEach(async () => {
      const holder = await Holder.begin(await open('state', options))
      for (let epoch = 1; epoch <= 4; epoch++)
        await holder.append(epoch, { count: { a: epoch, [`k${epoch}`]: 'x'.repeat(100) } })
      await holder.close()
    })

    it('tells every cut, flipped or missing object, and never guesses', async () => {
      await lose()
      const names = [...archive.objects.keys()].filter((name) => name.startsWith('stores/'))
      const whole = new Map(archive.objects)
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...names.slice(0, -1)),
          fc.constantFrom('cut', 'flip', 'gone', 'longer'),
          fc.nat(),
          async (name, how, at) => {
            archive.objects.clear()
            for (const [each, bytes] of whole) archive.objects.set(each, bytes)
            spoil(archive, { name, how, at })

            const error = await failure(open('state', options))

            expect(error).to.be.instanceOf(CorruptPartitionError)
            expect(String(error)).to.contain(name)
          },
        ),
        { numRuns: rounds({ test: 60, ci: 600, torture: 5000 }) },
      )
    })

    it('uses the image before where the newest one is damaged, and all that followed', async () => {
      const again = await Holder.begin(await open('state', options))
      const text = 'y'.repeat(3_000_000)
      for (let epoch = 5; epoch <= 12; epoch++) {
        await again.append(epoch, { count: { a: `${epoch}${text}` } })
        await again.commit(epoch + 1)
      }
      await until(() => partsOf(archive).length > 0)
      await again.append(13, { count: { a: 13 } })
      await again.close()
      await lose()
      const part = partsOf(archive).at(-1) ?? ''
      spoil(archive, { name: part, how: 'flip', at: 12345 })
      const { store = '' } = again.partitions[0]?.facts ?? {}

      const report = await verifyArchive(archive, { store, count: 1 })

      expect(report?.partitions[0]?.passedOver).to.contain(part)
      const restored = await Holder.open(await open('state', options))
      expect(await restored.load()).to.include({ 'count/a': 13, 'count/k1': 'x'.repeat(100) })
      await restored.close()
    })

    it('sets a damaged directory aside and restores it, be it found when opened or when read', async () => {
      const path = join(base, 'state', 'part-0')
      await rm(join(path, 'committed'))
      const opened = await Holder.open(await open('state', options))
      expect(await opened.load()).to.include({ 'count/a': 4 })
      await opened.close()
      expect(await readdir(join(base, 'state'))).to.include.members(['damaged-1', 'part-0'])

      await markDamaged(join(base, 'state'), 'A block of it is gone.')
      const again = await Holder.open(await open('state', options))
      expect(await again.load()).to.include({ 'count/a': 4 })
      await again.close()
      expect(await readdir(join(base, 'state'))).to.include('damaged-2')
      expect(await readdir(join(base, 'state'))).not.to.include('damaged.json')
    })

    it('does not touch the directory where the archive is damaged, too', async () => {
      await rm(join(base, 'state', 'part-0', 'committed'))
      const name = [...archive.objects.keys()].find((each) => each.startsWith('stores/')) ?? ''
      spoil(archive, { name, how: 'gone', at: 0 })

      const error = await failure(open('state', options))

      expect(error).to.be.instanceOf(CorruptPartitionError)
      expect(await readdir(join(base, 'state'))).to.deep.equal(['part-0'])
    })
  })
})

const spoil = (
  { objects }: MemoryArchive,
  { name, how, at }: { readonly name: string; readonly how: string; readonly at: number },
): void => {
  const bytes = Buffer.from(objects.get(name) ?? [])
  if (how === 'gone') objects.delete(name)
  else if (how === 'cut') objects.set(name, bytes.subarray(0, at % bytes.length))
  else if (how === 'longer') objects.set(name, Buffer.concat([bytes, Buffer.alloc(1 + (at % 9))]))
  else {
    const bit = at % (bytes.length * 8)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    objects.set(name, bytes)
  }
}

/** The names of the last parts of images. */
const partsOf = ({ objects }: MemoryArchive): readonly string[] =>
  [...objects]
    .filter(
      ([name, bytes]) =>
        name.startsWith('stores/') &&
        Buffer.from(bytes).subarray(0, 900).toString('latin1').includes('"whole":true'),
    )
    .map(([name]) => name)

const until = async (true_: () => boolean, within = 60_000): Promise<void> => {
  const end = performance.now() + within
  while (!true_()) {
    if (performance.now() > end) throw new Error('It did not come to that.')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const pad = (rows: Rows): Rows =>
  Object.fromEntries(
    Object.entries(rows).map(([key, state]) => [
      key,
      state === null ? null : `${state}`.repeat(20_000),
    ]),
  )

const histories = fc.array(
  fc.record({
    epochs: fc.array(
      fc.dictionary(
        fc.constantFrom('a', 'b', 'c', 'd'),
        fc.option(fc.integer({ min: 0, max: 9 }), { freq: 3 }),
        { noNullPrototype: true },
      ),
      { maxLength: 6 },
    ),
    loses: fc.boolean(),
  }),
  { minLength: 2, maxLength: 5 },
)
