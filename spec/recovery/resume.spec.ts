import { appendFile, mkdir, rename, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import {
  AbortExecution,
  type Dataflow,
  DynamicSink,
  dataflow,
  RecoveryStore,
  type RunOptions,
  run,
  StatelessSinkPartition,
} from 'tidemark'
import { DirSource, FileSink } from 'tidemark/connectors/files'
import { keyed, keyOn, map, mapValue, statefulMap } from 'tidemark/operators'
import { clusterMain, TestingSink, TestingSource } from 'tidemark/testing'
import { inspectStore, removeStep } from '../../lib/recovery/inspect.ts'
import { failure } from '../support/failure.ts'
import { Folder } from '../support/folder.ts'

const { EOF, ABORT, PAUSE } = TestingSource
const FIVE_SECONDS = { epochInterval: 5000 }

/** Warnings, as a person would read them. */
class Heard {
  readonly warnings: string[] = []
  readonly logger = {
    info: (): void => {},
    warn: (_: object, message: string): void => {
      this.warnings.push(message)
    },
    error: (_: object, message: string): void => {
      this.warnings.push(message)
    },
  }
}

describe('A flow that resumes', () => {
  const folder = new Folder()
  let store: RecoveryStore

  beforeEach(async () => {
    await folder.make()
    store = await RecoveryStore.init(folder.file('state'), 1)
  })

  afterEach(() => folder.remove())

  /** What each of the runs gives: the items that came out in it. */
  const runsOf = async (items: readonly unknown[], options: RunOptions, runs: number) => {
    const sink = new TestingSink<unknown>()
    const flow = dataflow('resumes')
    flow.input('in', new TestingSource(items)).output('out', sink)
    const given: unknown[][] = []
    for (let at = 0; at < runs; at++) {
      const before = sink.items.length
      const error = await failure(run(flow, { recovery: store, ...options }))
      if (error !== null && !(error instanceof AbortExecution)) throw error
      given.push(sink.items.slice(before))
    }
    return given
  }

  it('gives everything again when nothing was committed before the abort', async () => {
    expect(await runsOf([0, 1, 2, ABORT, 3, 4], FIVE_SECONDS, 2)).to.deep.equal([
      [0, 1, 2],
      [0, 1, 2, 3, 4],
    ])
  })

  it('gives nothing again that an epoch before the abort had', async () => {
    expect(await runsOf([0, 1, 2, ABORT, 3, 4], { epochInterval: 0 }, 2)).to.deep.equal([
      [0, 1, 2],
      [3, 4],
    ])
  })

  it('goes on behind the end of its input, and gives nothing when there is nothing more', async () => {
    expect(await runsOf([0, 1, 2, EOF, 3, 4], FIVE_SECONDS, 4)).to.deep.equal([
      [0, 1, 2],
      [3, 4],
      [],
      [],
    ])
  })

  it('goes on the same while superseded snapshots are kept', async () => {
    store = await RecoveryStore.open(folder.file('state'), { backupInterval: { seconds: 10 } })
    const items = [0, EOF, 1, EOF, 2, EOF, 3, EOF, 4]
    expect(await runsOf(items, FIVE_SECONDS, 6)).to.deep.equal([[0], [1], [2], [3], [4], []])
  })

  it('keeps its state on 3 workers, then 5, then 1', async () => {
    store = await RecoveryStore.init(folder.file('wide'), 3)
    const sink = new TestingSink<readonly [string, number]>()
    const flow = dataflow('max')
    flow
      .input(
        'in',
        new TestingSource<readonly [string, number]>([
          ['a', 4],
          ['b', 4],
          ABORT,
          ['a', 1],
          ['b', 5],
          ABORT,
          ['a', 8],
          ['b', 1],
        ]),
      )
      .pipe(
        keyed('pairs'),
        statefulMap('max', (state: number | null, value) => {
          const max = Math.max(state ?? value, value)
          return [max, max]
        }),
      )
      .output('out', sink)
    const given: unknown[] = []
    for (const workers of [3, 5, 1]) {
      const before = sink.items.length
      await failure(clusterMain(flow, { workers, recovery: store, epochInterval: 0 }))
      given.push(sink.items.slice(before).sort())
    }
    expect(given).to.deep.equal([
      [
        ['a', 4],
        ['b', 4],
      ],
      [
        ['a', 4],
        ['b', 5],
      ],
      [
        ['a', 8],
        ['b', 5],
      ],
    ])
  })

  it('gives an item again that a sink had not taken (D2)', async () => {
    const sink = new FailingOnce(3)
    const flow = dataflow('fails')
    flow.input('in', new TestingSource([0, 1, 2, 3, 4])).output('out', sink)
    const error = await failure(run(flow, { recovery: store, epochInterval: 0 }))
    expect(String(error)).to.match(/full/)
    await run(flow, { recovery: store, epochInterval: 0 })
    expect([...new Set(sink.items)]).to.deep.equal([0, 1, 2, 3, 4])
    expect(sink.items.filter((item) => item === 0)).to.have.length(1)
  })

  it('replays nothing after a clean stop, which closes the open epoch', async () => {
    const sink = new TestingSink<number>()
    const stopping = new AbortController()
    const flow = dataflow('stops')
    const numbers = Array.from({ length: 500 }, (_, n) => n)
    const items = [...numbers.slice(0, 150), PAUSE(50), ...numbers.slice(150)]
    flow
      .input('in', new TestingSource(items))
      .pipe(
        map('stop', (n) => {
          if (n === 100) stopping.abort()
          return n
        }),
      )
      .output('out', sink)
    const { reason } = await run(flow, {
      recovery: store,
      epochInterval: { hours: 1 },
      signal: stopping.signal,
    })
    expect(reason).to.equal('stopped')
    expect(sink.items.length).to.be.within(100, 150)
    await run(flow, { recovery: store })
    expect(sink.items).to.deep.equal(numbers)
  })

  it('keeps the position of a partition that vanished, says so, and starts new ones afresh (D16)', async () => {
    await mkdir(folder.file('in'))
    const sink = new TestingSink<string>()
    const flow = dataflow('files')
    flow.input('lines', new DirSource(folder.file('in'))).output('out', sink)
    const heard = new Heard()
    const lines = async (): Promise<string[]> => {
      const before = sink.items.length
      await run(flow, { recovery: store, logger: heard.logger })
      return sink.items.slice(before).sort()
    }

    await writeFile(folder.file('in/a'), 'a1\n')
    await writeFile(folder.file('in/b'), 'b1\n')
    expect(await lines()).to.deep.equal(['a1', 'b1'])

    await rename(folder.file('in/b'), folder.file('b'))
    await writeFile(folder.file('in/c'), 'c1\n')
    expect(await lines()).to.deep.equal(['c1'])
    expect(heard.warnings.join()).to.match(/partition .*b of the last run can't be found/)

    await rename(folder.file('b'), folder.file('in/b'))
    await appendFile(folder.file('in/b'), 'b2\n')
    expect(await lines()).to.deep.equal(['b2'])
  })

  it('starts a renamed step anew, reports what the old name left, and lets it be removed (D17)', async () => {
    const sink = new TestingSink<readonly [string, number]>()
    const named = (id: string): Dataflow => {
      const flow = dataflow('renamed')
      flow
        .input('in', new TestingSource(['a', EOF, 'a']))
        .pipe(
          keyOn('key', (item) => item),
          statefulMap(id, (count: number | null) => [(count ?? 0) + 1, (count ?? 0) + 1]),
        )
        .output('out', sink)
      return flow
    }
    const heard = new Heard()
    await run(named('old'), { recovery: store })
    await run(named('new'), { recovery: store, logger: heard.logger })
    expect(sink.items).to.deep.equal([
      ['a', 1],
      ['a', 1],
    ])
    expect(heard.warnings.join()).to.match(/state of steps that the flow does not have: old/)

    const stepsOf = async () =>
      (await inspectStore(folder.file('state'), { steps: ['in', 'new'] })).steps
        .filter(({ orphaned }) => orphaned)
        .map(({ stepId }) => stepId)
    expect(await stepsOf()).to.deep.equal(['old'])
    expect(await removeStep(folder.file('state'), 'old')).to.be.greaterThan(0)
    expect(await stepsOf()).to.deep.equal([])
  })

  it('refuses a file that is shorter than what it had written, and adds nothing to it', async () => {
    const flow = dataflow('file')
    flow
      .input('in', new TestingSource(['one', 'two', EOF, 'three']))
      .pipe(
        keyOn('key', () => 'all'),
        mapValue('text', String),
      )
      .output('out', new FileSink(folder.file('out')))
    await run(flow, { recovery: store })
    await writeFile(folder.file('out'), 'one\n')
    const error = await failure(run(flow, { recovery: store }))
    expect(String(error)).to.match(/4 bytes, but the flow had written 8/)
    expect(await folder.text('out')).to.equal('one\n')
  })
})

/** A sink that fails once, at one item. */
class FailingOnce extends DynamicSink<number> {
  readonly items: number[] = []
  #at: number | null

  constructor(at: number) {
    super()
    this.#at = at
  }

  override build(): StatelessSinkPartition<number> {
    return new FailingPartition((items) => this.#take(items))
  }

  #take(items: readonly number[]): void {
    for (const item of items) {
      if (item === this.#at) {
        this.#at = null
        throw new Error('The destination is full.')
      }
      this.items.push(item)
    }
  }
}

class FailingPartition extends StatelessSinkPartition<number> {
  readonly #take: (items: readonly number[]) => void

  constructor(take: (items: readonly number[]) => void) {
    super()
    this.#take = take
  }

  override async writeBatch(items: number[]): Promise<void> {
    this.#take(items)
  }
}
