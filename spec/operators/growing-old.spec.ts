import { expect } from 'chai'
import { BuildError, dataflow, run, type Stream, start, withPolicy } from 'tidemark'
import { dedupe, keyed, sideInput, statefulMap } from 'tidemark/operators'
import { MemoryStore, TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'
import { originOf } from '../../lib/flow/stream.ts'
import { keyedThrough } from '../support/keyed-through.ts'
import { all, failure, through, untyped } from '../support/through.ts'

const { PAUSE, EOF, ABORT } = TestingSource

const counted = (ttl?: number) =>
  statefulMap(
    'count',
    (n: number | null, _: unknown) => [(n ?? 0) + 1, (n ?? 0) + 1],
    ttl === undefined ? {} : { ttl },
  )

const onVirtualTime = <R>(
  work: (runtime: VirtualRuntime) => Promise<R>,
  start = 1_000_000,
): Promise<R> => {
  const runtime = new VirtualRuntime({ start })
  return runtime.run(work(runtime))
}

describe('ttl', () => {
  it('forgets a key that no item has reached for so long, and no other', async () => {
    const items = [['a', 0], ['b', 0], PAUSE(900), ['b', 0], PAUSE(300), ['a', 0], ['b', 0]]
    const rows = await onVirtualTime((runtime) => keyedThrough(items, counted(1000), { runtime }))
    expect(rows).to.deep.equal([
      ['a', 1],
      ['b', 1],
      ['b', 2],
      ['a', 1],
      ['b', 3],
    ])
  })

  it('forgets without waiting for another item', async () => {
    const flow = dataflow('f')
    flow
      .input('in', new TestingSource([['a', 0] as [string, number], PAUSE(5000)]))
      .pipe(keyed('key'), counted(1000))
      .output('out', new TestingSink())
    await onVirtualTime(async (runtime) => {
      const execution = start(flow, { runtime })
      const at = (delay: number): Promise<unknown> =>
        new Promise((resolve) => {
          runtime.after(delay, () => resolve(execution.query('count', 'a')))
        })
      expect(await at(500)).to.equal(1)
      expect(await at(1500)).to.equal(undefined)
      await execution.done
    })
  })

  it('counts from the resume for keys of a run that had none, and leaves a tombstone', async () => {
    const recovery = new MemoryStore()
    const sink = new TestingSink<[string, number]>()
    const a: [string, number] = ['a', 0]
    const b: [string, number] = ['b', 0]
    const source = new TestingSource([a, EOF, b, PAUSE(1500), b, ABORT, a])
    const once = (ttl?: number) => {
      const flow = dataflow('f')
      flow.input('in', source).pipe(keyed('key'), counted(ttl)).output('out', sink)
      return onVirtualTime((runtime) =>
        run(flow, { recovery, epochInterval: 0, runtime }).catch(() => {}),
      )
    }
    await once()
    await once(1000)
    await once()
    expect(sink.items).to.deep.equal([
      ['a', 1],
      ['b', 1],
      ['b', 1],
      ['a', 1],
    ])
  })

  it('must be a length of time', () => {
    expect(() => counted(0)).to.throw(BuildError, 'ttl')
    expect(() => counted(-1)).to.throw(BuildError, 'ttl')
  })
})

describe('dedupe', () => {
  it('lets the first of equal values of a key through', async () => {
    const pairs = [
      ['a', 1],
      ['a', 1],
      ['b', 1],
      ['a', 2],
      ['a', 1],
    ]
    expect(
      await keyedThrough(
        pairs,
        dedupe('d', (n: number) => n),
      ),
    ).to.deep.equal([
      ['a', 1],
      ['b', 1],
      ['a', 2],
    ])
  })

  it('lets a value through again when its time is over, which a repetition does not lengthen', async () => {
    const items = [...all([1]), PAUSE(600), ...all([1, 2]), PAUSE(600), ...all([1, 2])]
    const once = dedupe('d', (n: number) => n, { within: 1000 })
    const rows = await onVirtualTime((runtime) => keyedThrough(items, once, { runtime }))
    expect(rows).to.deep.equal(all([1, 2, 1]))
  })

  it('remembers through a resume', async () => {
    const flow = dataflow('f')
    const sink = new TestingSink<[string, number]>()
    flow
      .input('in', new TestingSource([...all([1, 2]), EOF, ...all([2, 3])]))
      .pipe(
        keyed('key'),
        dedupe('d', (n: number) => n),
      )
      .output('out', sink)
    const recovery = new MemoryStore()
    await run(flow, { recovery })
    await run(flow, { recovery })
    expect(sink.items).to.deep.equal(all([1, 2, 3]))
  })

  it('refuses what values can not be told apart by', async () => {
    const error = await failure(
      keyedThrough(
        all([1]),
        dedupe('d', () => untyped({})),
      ),
    )
    expect(error.message).to.include('tell values apart')
  })
})

describe('sideInput', () => {
  const priced =
    (side: Iterable<unknown>) =>
    (up: Stream<string>): Stream<unknown> => {
      const rates = new TestingSource(side as Iterable<[string, number]>, { batchSize: 9 })
      return up.pipe(
        sideInput('price', flowOf(up).input('rates', rates), (item, rate) => [item, rate(item)]),
      )
    }

  it('gives each item what the side has said last of a key', async () => {
    const items = [PAUSE(10), 'a', 'b'] as never
    const side = [
      ['a', 1],
      ['a', 2],
    ]
    for (const workers of [1, 3]) {
      const rows = await onVirtualTime((runtime) =>
        through<string, unknown>(items, priced(side), { runtime, workers }),
      )
      expect(rows).to.deep.equal([
        ['a', 2],
        ['b', undefined],
      ])
    }
  })

  it('resumes on every worker what it knew', async () => {
    const recovery = new MemoryStore()
    for (const [workers, items] of [
      [1, [PAUSE(10), 'a', EOF]],
      [3, [PAUSE(10), 'a', EOF, 'a', 'a', 'a']],
    ] as const) {
      const rows = await onVirtualTime((runtime) =>
        through<string, unknown>(items as never, priced([['a', 1]]), {
          runtime,
          workers,
          recovery,
        }),
      )
      expect(rows).to.deep.equal(
        workers === 1
          ? [['a', 1]]
          : [
              ['a', 1],
              ['a', 1],
              ['a', 1],
            ],
      )
    }
  })

  it('tries an item again that failed', async () => {
    let tries = 0
    const once = (up: Stream<string>): Stream<string> =>
      up.pipe(
        withPolicy(
          { retry: { attempts: 2, backoff: 1 } },
          sideInput(
            'side',
            flowOf(up).input('none', new TestingSource<[string, number]>([])),
            (item) => {
              tries += 1
              if (tries === 1) throw new Error('not yet')
              return item
            },
          ),
        ),
      )
    const rows = await onVirtualTime((runtime) => through(['a', 'b'], once, { runtime }))
    expect(rows).to.deep.equal(['a', 'b'])
    expect(tries).to.equal(3)
  })

  it('refuses a side that is no stream of pairs', async () => {
    const error = await failure(through(['a'], priced([7])))
    expect(error.message).to.include('pairs').and.include('side')
  })
})

const flowOf = (stream: Stream<unknown>) => originOf(stream).flow
