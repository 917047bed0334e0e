import { cp, mkdir, rename, rm } from 'node:fs/promises'
import { expect } from 'chai'
import {
  type Dataflow,
  dataflow,
  InconsistentPartitionsError,
  MissingPartitionsError,
  NoPartitionsError,
  RecoveryStore,
  run,
} from 'tidemark'
import { keyOn, statefulMap } from 'tidemark/operators'
import { TestingSink, TestingSource } from 'tidemark/testing'
import { failure } from '../support/failure.ts'
import { Folder } from '../support/folder.ts'

const { EOF } = TestingSource

describe('A flow that resumes from a store', () => {
  const folder = new Folder()

  const counting = (): Dataflow => {
    const flow = dataflow('counting')
    flow
      .input('in', new TestingSource(['a', 'b', EOF, 'a', 'b', EOF, 'a', 'b']))
      .pipe(
        keyOn('key', (item) => item),
        statefulMap('count', (count: number | null) => [(count ?? 0) + 1, (count ?? 0) + 1]),
      )
      .output('out', sink)
    return flow
  }
  let sink: TestingSink<readonly [string, number]>

  beforeEach(async () => {
    sink = new TestingSink()
    await folder.make()
  })

  afterEach(() => folder.remove())

  const lastCounts = (): number[] => sink.items.slice(-2).map(([, count]) => count)

  it('that was never made: says that there is none', async () => {
    await mkdir(folder.file('nothing'))
    expect(await failure(RecoveryStore.open(folder.file('nothing')))).to.be.instanceOf(
      NoPartitionsError,
    )
  })

  it('of which a partition is gone: names it', async () => {
    const dir = folder.file('three')
    await run(counting(), { recovery: { dir, partitions: 3 } })
    await rm(folder.file('three/part-0'), { recursive: true })
    const error = await failure(run(counting(), { recovery: { dir } }))
    expect(error).to.be.instanceOf(MissingPartitionsError)
    expect(String(error)).to.contain('part-0')
  })

  it('of which a partition is an older copy: refuses it, and names it', async () => {
    const dir = folder.file('three')
    await RecoveryStore.init(dir, 3)
    await cp(folder.file('three/part-0'), folder.file('copy'), { recursive: true })
    await run(counting(), { recovery: { dir }, epochInterval: 0 })
    await rm(folder.file('three/part-0'), { recursive: true })
    await rename(folder.file('copy'), folder.file('three/part-0'))
    const error = await failure(run(counting(), { recovery: { dir } }))
    expect(error).to.be.instanceOf(InconsistentPartitionsError)
    expect(String(error)).to.contain('part-0')
  })

  it('of which a partition is an older copy, within the backup interval: resumes there', async () => {
    const dir = folder.file('three')
    const recovery = { dir, partitions: 3, backupInterval: { hours: 1 } }
    await run(counting(), { recovery })
    await cp(folder.file('three/part-0'), folder.file('copy'), { recursive: true })
    await run(counting(), { recovery })
    expect(lastCounts()).to.deep.equal([2, 2])
    await rm(folder.file('three/part-0'), { recursive: true })
    await rename(folder.file('copy'), folder.file('three/part-0'))
    await run(counting(), { recovery })
    expect(lastCounts()).to.deep.equal([2, 2])
  })

  it('whose number of partitions is changed between runs', async () => {
    const dir = folder.file('changing')
    for (const [at, partitions] of [2, 7, 1].entries()) {
      await run(counting(), { recovery: { dir, partitions }, workers: 2 })
      expect(lastCounts()).to.deep.equal([at + 1, at + 1])
    }
  })
})
