import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  InconsistentPartitionsError,
  MissingPartitionsError,
  NoPartitionsError,
  RecoveryError,
} from '../../../lib/errors/errors.ts'
import { inspectStore, removeStep } from '../../../lib/recovery/inspect.ts'
import { RecoveryStore } from '../../../lib/recovery/recovery-store.ts'
import { Holder } from './rows.ts'
import { describeStore } from './store-contract.ts'

const temporary = (): Promise<string> => mkdtemp(join(tmpdir(), 'tidemark-store-'))

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (cause: unknown) => cause,
  )

describeStore('RecoveryStore', async ({ partitions, backupInterval = 0 }) => {
  const dir = await temporary()
  return {
    store: await RecoveryStore.init(join(dir, 'store'), partitions, { backupInterval }),
    remove: () => rm(dir, { recursive: true, force: true }),
  }
})

describe('RecoveryStore, as a directory', () => {
  let dir: string

  beforeEach(async () => {
    dir = await temporary()
  })

  afterEach(() => rm(dir, { recursive: true, force: true }))

  const filled = async (partitions = 3): Promise<RecoveryStore> => {
    const store = await RecoveryStore.init(dir, partitions)
    const holder = await Holder.begin(store)
    await holder.append(1, { count: { a: 1, b: 2, c: 3, d: 4 }, old: { x: 1 } })
    await holder.commit(2)
    await holder.close()
    return store
  }

  it('lays its partitions out as part-0 to part-(n-1)', async () => {
    await RecoveryStore.init(dir, 3)

    expect((await readdir(dir)).sort()).to.deep.equal(['part-0', 'part-1', 'part-2'])
  })

  it('makes the directory, and refuses one that holds a store', async () => {
    const deep = join(dir, 'a', 'b')
    await RecoveryStore.init(deep, 1)

    const error = await failure(RecoveryStore.init(deep, 1))

    expect(error).to.be.instanceOf(RecoveryError)
    expect(String(error)).to.contain('holds a recovery store already')
  })

  it('is not there where the directory is missing or empty', async () => {
    for (const path of [dir, join(dir, 'missing')]) {
      const error = await failure(RecoveryStore.open(path))
      expect(error).to.be.instanceOf(NoPartitionsError)
      expect(String(error)).to.contain('tidemark recovery init')
    }
  })

  it('is not opened without all of its partitions, and names the missing', async () => {
    await RecoveryStore.init(dir, 3)
    await rm(join(dir, 'part-0'), { recursive: true })

    const error = await failure(RecoveryStore.open(dir))

    expect(error).to.be.instanceOf(MissingPartitionsError)
    expect(String(error)).to.contain('part-0')
  })

  it("refuses a partition that was copied to another's place", async () => {
    await RecoveryStore.init(dir, 2)
    await rm(join(dir, 'part-0'), { recursive: true })
    await cp(join(dir, 'part-1'), join(dir, 'part-0'), { recursive: true })

    expect(await failure(RecoveryStore.open(dir))).to.be.instanceOf(InconsistentPartitionsError)
  })

  it('refuses to resume with a partition from before what others have collected', async () => {
    const store = await RecoveryStore.init(dir, 3)
    await cp(join(dir, 'part-0'), join(dir, 'backup'), { recursive: true })
    const holder = await Holder.begin(store)
    for (const epoch of [1, 2, 3]) {
      await holder.append(epoch, { count: { a: epoch, b: epoch, c: epoch } })
      await holder.commit(epoch + 1)
    }
    await holder.close()
    await rm(join(dir, 'part-0'), { recursive: true })
    await cp(join(dir, 'backup'), join(dir, 'part-0'), { recursive: true })

    const error = await failure(Holder.open(store))

    expect(error).to.be.instanceOf(InconsistentPartitionsError)
    expect(String(error)).to.contain('part-0')
  })

  it('refuses a store of a newer format', async () => {
    await RecoveryStore.init(dir, 1)
    const path = join(dir, 'part-0', 'identity.json')
    const { check, ...identity } = JSON.parse(await readFile(path, 'utf8'))
    const { crc32 } = await import('node:zlib')
    const newer = { ...identity, format: 2 }
    await writeFile(path, JSON.stringify({ ...newer, check: crc32(JSON.stringify(newer)) }))

    const error = await failure(RecoveryStore.open(dir))

    expect(check).to.be.a('number')
    expect(error).to.be.instanceOf(RecoveryError)
    expect(String(error)).to.contain('newer release')
  })

  describe('openOrInit', () => {
    it('makes a store only in a missing or empty directory, and says so', async () => {
      const said: string[] = []
      const log = (message: string) => said.push(message)

      await RecoveryStore.openOrInit({ dir }, log)
      await RecoveryStore.openOrInit({ dir }, log)

      expect(await readdir(dir)).to.have.length(4)
      expect(said).to.deep.equal([`Made a recovery store of 4 partitions in ${dir}.`])
    })

    it('makes none among other files', async () => {
      await writeFile(join(dir, 'notes.txt'), '')

      const error = await failure(RecoveryStore.openOrInit({ dir }, () => undefined))

      expect(error).to.be.instanceOf(NoPartitionsError)
      expect(await readdir(dir)).to.deep.equal(['notes.txt'])
    })

    it('finishes what was killed while the partitions were being made', async () => {
      await RecoveryStore.init(dir, 4)
      await rm(join(dir, 'part-3'), { recursive: true })
      await writeFile(join(dir, 'making.json'), '{}')

      expect(await failure(RecoveryStore.open(dir))).to.be.instanceOf(NoPartitionsError)
      const store = await RecoveryStore.openOrInit({ dir, partitions: 4 }, () => undefined)

      await (await Holder.begin(store)).close()
    })

    it('rewrites a store that has another number of partitions than asked for', async () => {
      await filled(3)

      const store = await RecoveryStore.openOrInit({ dir, partitions: 5 }, () => undefined)

      const holder = await Holder.open(store)
      expect(holder.partitions).to.have.length(5)
      expect([holder.execution, holder.resumeEpoch]).to.deep.equal([1, 2])
      expect(await holder.load()).to.deep.equal({
        'count/a': 1,
        'count/b': 2,
        'count/c': 3,
        'count/d': 4,
        'old/x': 1,
      })
      await holder.close()
    })
  })

  describe('rewrite', () => {
    it('gives the same state with fewer partitions, again and again', async () => {
      const store = await filled(3)
      for (const count of [2, 7, 1]) {
        await RecoveryStore.rewrite(dir, count)
        const holder = await Holder.begin(store)
        expect(holder.partitions).to.have.length(count)
        await holder.append(holder.resumeEpoch, { count: { a: count } })
        await holder.close()
        const again = await Holder.open(store)
        expect(await again.load()).to.include({ 'count/a': count, 'count/d': 4 })
        await again.close()
      }
      expect((await readdir(dir)).sort()).to.deep.equal(['generation-3', 'generation.json'])
    })

    it('leaves the old partitions in force when killed before the switch', async () => {
      const store = await filled(3)
      await mkdir(join(dir, 'generation-1', 'part-0'), { recursive: true })
      await writeFile(join(dir, 'generation-1', 'making.json'), '{}')

      const holder = await Holder.open(store)
      expect(holder.partitions).to.have.length(3)
      await holder.close()

      await RecoveryStore.rewrite(dir, 2)
      expect((await inspectStore(dir)).steps.map(({ keys }) => keys)).to.deep.equal([4, 1])
    })

    it('is never undone by the loss of the file that names the generation', async () => {
      await filled(3)
      await cp(dir, `${dir}-old`, { recursive: true })
      await RecoveryStore.rewrite(dir, 2)
      await rm(join(dir, 'generation.json'))
      await cp(`${dir}-old`, dir, { recursive: true })
      await rm(`${dir}-old`, { recursive: true })

      const error = await failure(RecoveryStore.open(dir))

      expect(String(error)).to.contain('generation.json is gone')
    })
  })

  describe('inspectStore', () => {
    it('tells executions, resume epoch, and keys and bytes of each step', async () => {
      await filled()

      const report = await inspectStore(dir, { steps: ['count'] })

      expect(report.damage).to.deep.equal([])
      expect(report.flowId).to.equal('flow')
      expect(report.resumeEpoch).to.equal(2)
      expect(report.executions.map(({ execution }) => execution)).to.deep.equal([0])
      expect(report.steps).to.deep.equal([
        { stepId: 'count', keys: 4, bytes: 16, orphaned: false },
        { stepId: 'old', keys: 1, bytes: 4, orphaned: true },
      ])
    })

    it('names the stores of other processes without taking their absence for damage', async () => {
      const store = await RecoveryStore.init(dir, 2)
      const holder = await Holder.open(store)
      const own = holder.partitions[0]?.facts.store ?? ''
      const stores = [own, 'another']
      for (const partition of holder.partitions) {
        await partition.begin('flow', { execution: 0, resumeEpoch: 1, workers: 2, stores })
      }
      await holder.close()

      const report = await inspectStore(dir)

      expect(report).to.deep.include({ damage: [], elsewhere: ['another'], resumeEpoch: 1 })
    })

    it('tells damage instead of throwing it', async () => {
      await filled()
      await rm(join(dir, 'part-1', 'db', 'CURRENT'))

      const report = await inspectStore(dir)

      expect(report.resumeEpoch).to.equal(null)
      expect(report.partitions.map(({ damage }) => damage !== null)).to.deep.equal([
        false,
        true,
        false,
      ])
      expect(report.damage).to.have.length(1)
    })
  })

  it('forgets a step that was removed, and nothing else', async () => {
    const store = await filled()

    expect(await removeStep(dir, 'old')).to.be.greaterThan(0)
    expect(await removeStep(dir, 'never')).to.equal(0)

    const holder = await Holder.open(store)
    expect(Object.keys(await holder.load()).sort()).to.deep.equal([
      'count/a',
      'count/b',
      'count/c',
      'count/d',
    ])
    await holder.close()
  })
})
