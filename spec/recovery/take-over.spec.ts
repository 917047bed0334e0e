import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { FencedError } from '../../lib/errors/errors.ts'
import { findStore } from '../../lib/recovery/directory.ts'
import { RecoveryStore } from '../../lib/recovery/recovery-store.ts'
import { isTaken, takeOver } from '../../lib/recovery/take-over.ts'
import { MemoryArchive } from '../lib/recovery/memory-archive.ts'
import { Holder } from '../lib/recovery/rows.ts'
import { failure } from '../support/failure.ts'

describe('The archived store of a lost process', () => {
  let base: string
  let archive: MemoryArchive
  let said: string[]

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'take-over-'))
    archive = new MemoryArchive()
    said = []
  })

  afterEach(() => rm(base, { recursive: true, force: true }))

  const at = (process: number): string => join(base, `store-${process}`)
  const place = (required: boolean) => ({ ...archive.place, required })

  /** The store of a process, as the process finds it when it starts. */
  const open = (process: number, { required = true } = {}): Promise<RecoveryStore> =>
    RecoveryStore.openOrInit(
      { dir: at(process), partitions: 2, archive: place(required), owner: `process-${process}` },
      (message) => void said.push(message),
    )
  const idOf = async (process: number): Promise<string> =>
    (await findStore(at(process))).partitions[0]?.identity.store ?? ''

  /** Both processes' stores in one hold, as the workers of a flow have them. */
  const both = async (): Promise<Holder> => {
    const stores = [await open(0), await open(1)]
    return Holder.begin({
      open: async (host) => (await Promise.all(stores.map((store) => store.open(host)))).flat(),
    })
  }

  const lost = async (): Promise<string> => {
    const holder = await both()
    await holder.append(1, { count: { a: 1, b: 1, c: 1 } })
    await holder.append(2, { count: { a: 2 } })
    await holder.close()
    return idOf(1)
  }

  it('is restored beside that of another, which then opens both as one', async () => {
    const store = await lost()
    const found = await takeOver(at(0), { place: place(true), store })
    expect(found).to.deep.equal({ kind: 'taken', resumeEpoch: 3 })

    const holder = await Holder.open(await open(0))

    expect(holder.partitions).to.have.lengthOf(4)
    expect([holder.execution, holder.resumeEpoch]).to.deep.equal([1, 3])
    expect(await holder.load()).to.deep.equal({ 'count/a': 2, 'count/b': 1, 'count/c': 1 })
    await holder.close()
  })

  it('is given up by the process when it comes back, with a store of its own and a word', async () => {
    const store = await lost()
    await takeOver(at(0), { place: place(true), store })
    expect(await isTaken(at(1), { archive: place(true) })).to.equal(true)

    await open(1)

    expect(await idOf(1)).to.not.equal(store)
    expect(await readdir(at(1))).to.include('given-up-1')
    expect(said.join('\n'))
      .to.contain(`(store ${store})`)
      .and.contain(`store ${await idOf(0)}`)
    expect(await isTaken(at(1), { archive: place(true) })).to.equal(false)
  })

  it('is not restored for the process when it comes back with nothing', async () => {
    const store = await lost()
    await takeOver(at(0), { place: place(true), store })
    await rm(at(1), { recursive: true })
    await open(1)
    expect(await idOf(1)).to.not.equal(store)
  })

  it('comes back with the directory that took it over, when that is lost', async () => {
    const store = await lost()
    await takeOver(at(0), { place: place(true), store })
    await rm(at(0), { recursive: true })

    const holder = await Holder.open(await open(0))

    expect(new Set(holder.partitions.map(({ facts }) => facts.store))).to.include(store)
    expect(await holder.load()).to.deep.equal({ 'count/a': 2, 'count/b': 1, 'count/c': 1 })
    await holder.close()
  })

  it('passes on to a third one, and the second gives it up, too', async () => {
    const store = await lost()
    await open(2)
    await takeOver(at(0), { place: place(true), store })
    expect(await takeOver(at(2), { place: place(true), store })).to.include({ kind: 'taken' })

    await open(0)

    expect(await readdir(at(0))).to.include('given-up-1')
    expect(said.at(-1)).to.contain(`keeps store ${store} now`)
  })

  it('takes no write any more of a process that was alive all the same (T1)', async () => {
    const holder = await both()
    await holder.append(1, { count: { a: 1, b: 1, c: 1 } })
    await takeOver(at(0), { place: place(true), store: await idOf(1) })

    const written = await Promise.all(
      holder.partitions.slice(2).map((each) => failure(each.append(3, []))),
    )

    for (const error of written) expect(error).to.be.instanceOf(FencedError)
    await holder.close()
    const taken = await Holder.open(await open(0))
    expect(taken.resumeEpoch).to.equal(2)
    await taken.close()
  })

  it('is left alone where the archive may be behind it (T2)', async () => {
    const stored = await open(1, { required: false })
    const holder = await Holder.begin(stored)
    await holder.append(1, { count: { a: 1 } })
    await open(0)

    const found = await takeOver(at(0), { place: place(true), store: await idOf(1) })

    expect(found).to.include({ kind: 'refused' })
    await holder.append(2, { count: { a: 2 } })
    await holder.close()
    expect(await readdir(at(0))).to.not.include(`taken-${await idOf(1)}`)
  })

  it('is nothing to take over where nothing was ever kept in it', async () => {
    await open(0)
    await open(1)
    const store = await idOf(1)
    expect(await takeOver(at(0), { place: place(true), store })).to.deep.equal({ kind: 'empty' })
    const unknown = await takeOver(at(0), { place: place(true), store: 'unheard' })
    expect(unknown).to.deep.equal({ kind: 'refused', why: 'memory does not know it' })
  })

  it('goes to one of two that want it at the same time (T3)', async () => {
    const store = await lost()
    await open(2)
    const found = await Promise.all(
      [0, 2].map((process) => takeOver(at(process), { place: place(true), store })),
    )
    expect(found.map(({ kind }) => kind).sort()).to.deep.equal(['refused', 'taken'])
  })
})
