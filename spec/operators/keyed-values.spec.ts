import { expect } from 'chai'
import { AbortExecution, BuildError, dataflow, run, withPolicy } from 'tidemark'
import {
  batch,
  collect,
  collectFinal,
  countFinal,
  foldFinal,
  keyed,
  maxFinal,
  minFinal,
  reduce,
  reduceFinal,
  statefulFlatMap,
  statefulMap,
  topN,
} from 'tidemark/operators'
import { MemoryStore, TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'
import { keyedThrough } from '../support/keyed-through.ts'
import { all, failure, through, untyped } from '../support/through.ts'

const numbers = [1, 4, 2, 9, 4, 3]

describe('statefulMap', () => {
  it('keeps a running list for its key', async () => {
    const mean = statefulMap('mean', (list: number[] | null, n: number) => {
      const grown = [...(list ?? []), n]
      const kept = grown.length > 3 ? grown.slice(0, -3) : grown
      return [kept, kept.reduce((a, b) => a + b, 0) / kept.length]
    })
    expect(await keyedThrough(all([2, 5, 8, 1, 3]), mean)).to.deep.equal(all([2, 3.5, 5, 2, 2.5]))
  })

  it('forgets a key whose state becomes null', async () => {
    const toggle = statefulMap('t', (on: string | null, _: number) => [
      on === null ? 'on' : null,
      on,
    ])
    expect(await keyedThrough(all([1, 2, 3]), toggle)).to.deep.equal(all([null, 'on', null]))
  })

  it('refuses what is no pair', async () => {
    const error = await failure(
      keyedThrough(
        all([1]),
        statefulMap('m', () => untyped(1)),
      ),
    )
    expect(error.message).to.include('must be a 2-tuple').and.include('mapper')
  })

  it('snapshots a state that is changed in place as it was at the end of the epoch', async () => {
    const recovery = new MemoryStore()
    const sink = new TestingSink<[string, number]>()
    const flow = dataflow('f')
    const { ABORT } = TestingSource
    flow
      .input('in', new TestingSource([...all([1, 2]), ABORT, ...all([4]), ABORT, ...all([8])]))
      .pipe(
        keyed('key'),
        statefulMap('sum', (sum: { n: number } | null, n: number) => {
          const state = sum ?? { n: 0 }
          state.n += n
          return [state, state.n]
        }),
      )
      .output('out', sink)
    const options = { recovery, epochInterval: 0 }
    for (let each = 0; each < 2; each++) {
      expect(await run(flow, options).catch((error) => error)).to.be.instanceOf(AbortExecution)
    }
    await run(flow, options)
    expect(sink.items).to.deep.equal(all([1, 3, 7, 15]))
  })
})

describe('statefulFlatMap', () => {
  it('emits any number of items a value', async () => {
    const rising = statefulFlatMap('up', (last: number | null, n: number) => [
      n,
      last === null || n > last ? [n] : [],
    ])
    expect(await keyedThrough(all([2, 5, 8, 1, 3]), rising)).to.deep.equal(all([2, 5, 8, 3]))
  })

  it('emits nothing of a value whose iterable fails', async () => {
    const failing = statefulFlatMap('f', (_: null, n: number) => [null, letOut(n)])
    const rows = await keyedThrough(all([1, 2, 3]), withPolicy('skip', failing))
    expect(rows).to.deep.equal(all([1, 1, 3, 3]))
  })
})

function* letOut(n: number): Iterable<number> {
  yield n
  if (n === 2) throw new Error('two')
  yield n
}

describe('reduce', () => {
  it('emits what is complete, begins anew, and lets the rest wait', async () => {
    const tens = reduce(
      'tens',
      (a: number, b: number) => a + b,
      (sum) => sum >= 10,
    )
    expect(await keyedThrough(all([4, 7, 3, 12, 1]), tens)).to.deep.equal(all([11, 15]))
  })
})

describe('foldFinal', () => {
  it('emits each key once, in the order of the keys', async () => {
    const pairs = [...'cabbage'].map((letter): [string, number] => [letter, 1])
    const sum = foldFinal(
      'sum',
      () => 0,
      (total: number, n: number) => total + n,
    )
    expect(await keyedThrough(pairs, sum)).to.deep.equal([
      ['a', 2],
      ['b', 2],
      ['c', 1],
      ['e', 1],
      ['g', 1],
    ])
  })

  it('folds the greatest', async () => {
    const most = foldFinal('most', () => 0, Math.max)
    expect(await keyedThrough(all(numbers), most)).to.deep.equal(all([9]))
  })

  it('gives each key a state of its own to change in place', async () => {
    const lists = foldFinal(
      'l',
      (): number[] => [],
      (list, n: number) => {
        list.push(n)
        return list
      },
    )
    expect(
      await keyedThrough(
        [
          ['a', 1],
          ['b', 2],
          ['a', 3],
        ],
        lists,
      ),
    ).to.deep.equal([
      ['a', [1, 3]],
      ['b', [2]],
    ])
  })

  it('counts only what is new in a run that continues', async () => {
    const recovery = new MemoryStore()
    const sink = new TestingSink<[string, number]>()
    const flow = dataflow('f')
    flow
      .input('in', new TestingSource([...all([1, 2]), TestingSource.EOF, ...all([5])]))
      .pipe(
        keyed('key'),
        foldFinal(
          'sum',
          () => 0,
          (sum: number, n: number) => sum + n,
        ),
      )
      .output('out', sink)
    await run(flow, { recovery })
    await run(flow, { recovery })
    expect(sink.items).to.deep.equal(all([3, 5]))
  })

  it('names the callback that failed', async () => {
    const broken = foldFinal(
      'f',
      () => untyped(Promise.resolve(0)),
      (sum: number) => sum,
    )
    expect((await failure(keyedThrough(all([1]), broken))).message).to.include('init')
    const failing = foldFinal(
      'f',
      () => 0,
      (_, n: number) => {
        if (n === 2) throw new Error('two')
        return n
      },
    )
    expect((await failure(keyedThrough(all([2]), failing))).message).to.include('folder')
    expect(await keyedThrough(all([1, 2]), withPolicy('skip', failing))).to.deep.equal(all([1]))
  })
})

describe('the other final operators', () => {
  it('reduceFinal seeds with the first value', async () => {
    const most = reduceFinal('most', (a: number, b: number) => Math.max(a, b))
    expect(await keyedThrough(all(numbers), most)).to.deep.equal(all([9]))
  })

  it('countFinal counts items without keys, in a step of its own id', async () => {
    const flow = dataflow('f')
    const sink = new TestingSink<[string, number]>()
    flow
      .input('in', new TestingSource([...'aabcba']))
      .pipe(countFinal('count', (word) => word))
      .output('out', sink)
    expect(flow.steps.map((step) => step.id)).to.deep.equal(['in', 'count.key', 'count', 'out'])
    await run(flow)
    expect(sink.items).to.deep.equal([
      ['a', 3],
      ['b', 2],
      ['c', 1],
    ])
    expect(
      await through(
        [...'aabcba'],
        countFinal('n', (word) => word),
        { workers: 3 },
      ),
    ).to.have.deep.members(sink.items)
  })

  it('maxFinal and minFinal compare by what they are told, and keep the first of equals', async () => {
    const rows = [
      { name: 'first', at: 1 },
      { name: 'second', at: 9 },
      { name: 'third', at: 9 },
      { name: 'fourth', at: 1 },
    ]
    expect(
      await keyedThrough(
        all(rows),
        maxFinal('max', (row: { at: number }) => row.at),
      ),
    ).to.deep.equal(all([rows[1]]))
    expect(
      await keyedThrough(
        all(rows),
        minFinal('min', (row: { at: number }) => row.at),
      ),
    ).to.deep.equal(all([rows[0]]))
    expect(await keyedThrough(all(numbers), maxFinal<number>('max'))).to.deep.equal(all([9]))
  })

  it('maxFinal refuses what can not be compared, the first value too', async () => {
    for (const items of [[{}], [1, Number.NaN]]) {
      const error = await failure(keyedThrough(all<unknown>(items), maxFinal('max', untyped)))
      expect(error.message).to.include('compared').and.include('by')
    }
  })

  it('collectFinal gathers the values of each key', async () => {
    expect(
      await keyedThrough(
        [
          ['b', 2],
          ['a', 1],
          ['a', 3],
        ],
        collectFinal('all'),
      ),
    ).to.deep.equal([
      ['a', [1, 3]],
      ['b', [2]],
    ])
  })

  it('topN keeps the greatest, the earlier of equals first', async () => {
    const rows = [3, 1, 3, 2].map((n, at) => ({ n, at }))
    const top = await keyedThrough(
      all(rows),
      topN('t', 3, ({ n }: { n: number }) => n),
    )
    expect(top).to.deep.equal(all([[rows[0], rows[2], rows[3]]]))
    const changes = topN('t', 2, (n: number) => n, { emit: 'change' })
    expect(await keyedThrough(all([2, 1, 1, 3]), changes)).to.deep.equal(all([[2], [2, 1], [3, 2]]))
  })
})

describe('collect and batch', () => {
  const gather = (operator: typeof collect, items: readonly unknown[]): Promise<unknown> => {
    const runtime = new VirtualRuntime()
    const step = operator<number>('g', { timeout: { seconds: 10 }, maxSize: 3 })
    return runtime.run(keyedThrough(items, step, { runtime }))
  }
  const { PAUSE } = TestingSource

  it('give out full arrays, and what is left at the end', async () => {
    expect(await gather(collect, all([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))).to.deep.equal(
      all([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]),
    )
  })

  const spread = [...all([1]), PAUSE(8000), ...all([2]), PAUSE(8000), ...all([3]), PAUSE(20_000)]

  it('collect waits from the last value', async () => {
    expect(await gather(collect, [...spread, ...all([4])])).to.deep.equal(all([[1, 2, 3], [4]]))
  })

  it('batch waits from the first value', async () => {
    expect(await gather(batch, [...spread, ...all([4])])).to.deep.equal(all([[1, 2], [3], [4]]))
  })

  it('give out after a resume what fell due while the flow was down', async () => {
    const recovery = new MemoryStore()
    const sink = new TestingSink<unknown>()
    const flow = dataflow('f')
    flow
      .input(
        'in',
        new TestingSource([...all([1]), TestingSource.ABORT, PAUSE(1), ...all([2]), ...all([3])]),
      )
      .pipe(keyed('key'), collect('g', { timeout: 1000, maxSize: 3 }))
      .output('out', sink)
    const first = new VirtualRuntime({ start: 0 })
    await first.run(run(flow, { recovery, epochInterval: 0, runtime: first }).catch(() => {}))
    const later = new VirtualRuntime({ start: 5000 })
    await later.run(run(flow, { recovery, epochInterval: 0, runtime: later }))
    expect(sink.items).to.deep.equal(all([[1], [2, 3]]))
  })

  it('refuse a size that is none', () => {
    expect(() => collect('c', { timeout: 1, maxSize: 0 })).to.throw(BuildError, 'maxSize')
  })
})
