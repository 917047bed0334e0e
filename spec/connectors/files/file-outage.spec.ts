import { execFileSync } from 'node:child_process'
import { existsSync, renameSync } from 'node:fs'
import { mkdir, readdir, rename } from 'node:fs/promises'
import { expect } from 'chai'
import { ConnectorError, dataflow, run } from 'tidemark'
import { TransactionalFileSink } from 'tidemark/connectors/files'
import { map } from 'tidemark/operators'
import { MemoryStore, TestingSource } from 'tidemark/testing'
import { failure } from '../../support/failure.ts'
import { Folder, messageOf } from '../../support/folder.ts'

const NUMBERS = Array.from({ length: 10 }, (_, at) => at)

/** Calls `before` as each commit begins. */
class TroubledSink extends TransactionalFileSink {
  readonly #before: () => Promise<void>

  constructor(dir: string, before: () => Promise<void>) {
    super(dir)
    this.#before = before
  }

  override async build(...place: Parameters<TransactionalFileSink['build']>) {
    const partition = await super.build(...place)
    const commit = partition.commit.bind(partition)
    partition.commit = async (staged) => {
      await this.#before()
      await commit(staged)
    }
    return partition
  }
}

describe('an outage of the directory of TransactionalFileSink', () => {
  const folder = new Folder()
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const published = async (): Promise<string[]> =>
    (await readdir(folder.file('out'))).filter((name) => name !== '.staged').sort()

  const lines = async (): Promise<string[]> => {
    const all: string[] = []
    for (const name of await published()) {
      all.push(...(await folder.text(`out/${name}`)).split('\n').slice(0, -1))
    }
    return all
  }

  const slot = () =>
    new TransactionalFileSink(folder.file('out')).build('files.out', '3', {
      execution: 0,
      resumeEpoch: 1,
    })

  const awayAt = async (doing: () => unknown): Promise<void> => {
    const error = await failure(Promise.resolve(doing()))
    expect(error).to.be.instanceOf(ConnectorError)
    expect((error as ConnectorError).retryable).to.equal(true)
  }

  const takeAway = () => rename(folder.file('out'), folder.file('aside'))
  const putBack = () => rename(folder.file('aside'), folder.file('out'))

  it('has a commit wait, and made once when the directory is back', async () => {
    const partition = await slot()
    await partition.writeBatch(['a'])
    const staged = await partition.prepare(1)
    if (staged === null) throw new Error('nothing was staged')
    await takeAway()
    await awayAt(() => partition.commit(staged))
    await putBack()
    await partition.commit(staged)
    await partition.commit(staged)
    expect(await folder.text('out/part-03-0000000001.txt')).to.equal('a\n')
    expect(await published()).to.have.length(1)
  })

  it('has a commit wait for a disk that is read-only for a while (needs root, for a small one of its own)', async function () {
    const disk = folder.file('out')
    await mkdir(disk)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' })
    } catch {
      return this.skip()
    }
    try {
      const partition = await slot()
      await partition.writeBatch(['a'])
      const staged = await partition.prepare(1)
      if (staged === null) throw new Error('nothing was staged')
      execFileSync('mount', ['-o', 'remount,ro', disk])
      await awayAt(() => partition.commit(staged))
      execFileSync('mount', ['-o', 'remount,rw', disk])
      await partition.commit(staged)
      expect(await lines()).to.deep.equal(['a'])
    } finally {
      execFileSync('umount', [disk])
    }
  })

  for (const recovery of [true, false]) {
    it(`publishes each line once where a run ${recovery ? 'with' : 'without'} recovery comes to its end meanwhile`, async () => {
      const said: string[] = []
      const note = (...words: readonly unknown[]): void => {
        said.push(words.join(' '))
      }
      let commits = 0
      /** Away as the first commit begins, until the fourth try. */
      const sink = new TroubledSink(folder.file('out'), async () => {
        commits += 1
        if (commits === 1) await takeAway()
        if (commits === 4) await putBack()
      })
      const flow = dataflow('files')
      flow.input('in', new TestingSource(NUMBERS)).pipe(map('line', String)).output('out', sink)
      await run(flow, {
        epochInterval: 60_000,
        logger: { info: note, warn: note, error: note },
        ...(recovery ? { recovery: new MemoryStore() } : {}),
      })
      expect(await lines()).to.deep.equal(NUMBERS.map(String))
      expect(commits).to.equal(4)
      expect(said.filter((message) => message.includes('the destination is away'))).to.have.length(
        1,
      )
      expect(said.join()).to.include('the destination is back')
    })
  }

  it('ends a run that has lines to write, and the next one publishes each line once', async () => {
    const store = new MemoryStore()
    const attempt = () => {
      const flow = dataflow('files')
      flow
        .input('in', new TestingSource(NUMBERS))
        .pipe(
          map('line', (item) => {
            if (item === 6 && !fallen) {
              fallen = true
              renameSync(folder.file('out'), folder.file('aside'))
            }
            return String(item)
          }),
        )
        .output('out', new TransactionalFileSink(folder.file('out')))
      return run(flow, { epochInterval: 0, recovery: store })
    }
    let fallen = false
    expect(await messageOf(attempt)).to.include("can't be written: ENOENT")
    expect(existsSync(folder.file('out'))).to.equal(false)
    await putBack()
    await attempt()
    expect(await lines()).to.deep.equal(NUMBERS.map(String))
    expect(await readdir(folder.file('out/.staged'))).to.deep.equal([])
  })
})
