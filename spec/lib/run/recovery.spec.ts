import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { AbortExecution, dataflow, RecoveryStore, type RunOptions } from 'tidemark'
import { keyOn, map, statefulMap } from 'tidemark/operators'
import { clusterMain, MemoryStore, runMain, TestingSink, TestingSource } from 'tidemark/testing'
import type { Store } from '../../../lib/recovery/store.ts'

type Recovery = NonNullable<RunOptions['recovery']>

/** Where snapshots are kept, made anew for each spec. */
const STORES: readonly (readonly [
  string,
  (partitions: number, backupInterval: number) => Promise<{ store: Recovery; remove: () => void }>,
])[] = [
  [
    'in memory',
    async (partitions, backupInterval) => ({
      store: new MemoryStore({ partitions, backupInterval }) as Store,
      remove: () => {},
    }),
  ],
  [
    'in a directory',
    async (partitions, backupInterval) => {
      const dir = mkdtempSync(join(tmpdir(), 'tidemark-'))
      const remove = () => rmSync(dir, { recursive: true })
      if (backupInterval > 0) {
        return { store: { dir: join(dir, 'store'), partitions, backupInterval }, remove }
      }
      return { store: await RecoveryStore.init(join(dir, 'store'), partitions), remove }
    },
  ],
]

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

for (const [where, makeStore] of STORES) {
  describe(`A flow with a store ${where}`, () => {
    let store: Recovery
    let remove: () => void
    const using = async (partitions = 1, backupInterval = 0) => {
      ;({ store, remove } = await makeStore(partitions, backupInterval))
    }
    afterEach(() => remove())

    /** One run over and over: what each of them writes. */
    const runs = (source: TestingSource<number>, epochInterval: number) => {
      const sink = new TestingSink<number>()
      const flow = dataflow('runs')
      flow
        .input('in', source)
        .pipe(map('same', (n) => n))
        .output('out', sink)
      return async (): Promise<number[] | [...number[], 'aborted']> => {
        sink.items.length = 0
        const options = { recovery: store, epochInterval, logger: quiet }
        const aborted = await runMain(flow, options).then(
          () => false,
          (error: unknown) => {
            if (error instanceof AbortExecution) return true
            throw error
          },
        )
        return aborted ? [...sink.items, 'aborted'] : [...sink.items]
      }
    }

    it('replays all of an epoch in which it was aborted (180)', async () => {
      await using()
      const next = runs(new TestingSource([0, 1, 2, TestingSource.ABORT, 3, 4]), 5000)
      expect(await next()).to.deep.equal([0, 1, 2, 'aborted'])
      expect(await next()).to.deep.equal([0, 1, 2, 3, 4])
    })

    it('replays nothing of epochs before the abort (181)', async () => {
      await using()
      const next = runs(new TestingSource([0, 1, 2, TestingSource.ABORT, 3, 4]), 0)
      expect(await next()).to.deep.equal([0, 1, 2, 'aborted'])
      expect(await next()).to.deep.equal([3, 4])
    })

    it('goes on behind the end of its input (182)', async () => {
      await using()
      const next = runs(new TestingSource([0, 1, 2, TestingSource.EOF, 3, 4]), 5000)
      expect(await next()).to.deep.equal([0, 1, 2])
      expect(await next()).to.deep.equal([3, 4])
      expect(await next()).to.deep.equal([])
      expect(await next()).to.deep.equal([])
    })

    it('goes on again and again with backups that are kept for longer (183)', async () => {
      await using(1, 10_000)
      const { EOF } = TestingSource
      const next = runs(new TestingSource([0, EOF, 1, EOF, 2, EOF, 3, EOF, 4]), 5000)
      for (const item of [0, 1, 2, 3, 4]) expect(await next()).to.deep.equal([item])
      expect(await next()).to.deep.equal([])
    })

    it('goes on with state on another number of workers (184)', async () => {
      await using(3)
      const source = new TestingSource([
        ['a', 4],
        ['b', 4],
        TestingSource.EOF,
        ['a', 1],
        ['b', 5],
        TestingSource.EOF,
        ['a', 8],
        ['b', 1],
      ] as const)
      const sink = new TestingSink<readonly [string, number]>()
      const flow = dataflow('max')
      flow
        .input('in', source)
        .pipe(
          keyOn('key', ([key]) => key),
          statefulMap('max', (max: number | null, [, n]) => {
            const next = Math.max(max ?? 0, n)
            return [next, next]
          }),
        )
        .output('out', sink)
      const expected = [
        [3, { a: 4, b: 4 }],
        [5, { a: 4, b: 5 }],
        [1, { a: 8, b: 5 }],
      ] as const
      for (const [workers, maxima] of expected) {
        sink.items.length = 0
        await clusterMain(flow, { workers, recovery: store, epochInterval: 0, logger: quiet })
        expect(Object.fromEntries(sink.items)).to.deep.equal(maxima)
      }
    })

    it('ends a run at a marker and goes on behind it, in batches (193)', async () => {
      await using()
      const source = new TestingSource([0, 1, 2, TestingSource.EOF, 3, 4], { batchSize: 2 })
      const next = runs(source, 0)
      expect(await next()).to.deep.equal([0, 1, 2])
      expect(await next()).to.deep.equal([3, 4])
    })

    it('is aborted at a marker once, in batches (195)', async () => {
      await using()
      const source = new TestingSource([0, 1, 2, TestingSource.ABORT, 3, 4], { batchSize: 2 })
      const next = runs(source, 0)
      expect(await next()).to.deep.equal([0, 1, 2, 'aborted'])
      expect(await next()).to.deep.equal([3, 4])
    })
  })
}
