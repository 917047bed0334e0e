import { expect } from 'chai'
import { BuildError, dataflow, type ErrorPolicy, run, StepError, withPolicy } from 'tidemark'
import {
  branch,
  flatMap,
  flatMapBatch,
  inspectDebug,
  keyOn,
  map,
  mapValue,
  statefulMap,
} from 'tidemark/operators'
import { TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'

const retry = (attempts: number): ErrorPolicy => ({ retry: { attempts, backoff: 100 } })

/** Throws on an item until it has been called so often on it, and knows when that was. */
const flaky = (runtime: VirtualRuntime, item: number, failures: number) => {
  const calls: number[] = []
  const times: number[] = []
  return {
    calls,
    times,
    check: (n: number): void => {
      calls.push(n)
      if (n !== item) return
      times.push(runtime.now())
      if (times.length <= failures) throw new Error('not yet')
    },
  }
}

describe('the retry policy', () => {
  it('tries an item again before any other, waiting twice as long each time', async () => {
    const runtime = new VirtualRuntime()
    const { calls, times, check } = flaky(runtime, 2, 2)
    const sink = new TestingSink<number>()
    const flow = dataflow('test')
    flow
      .input('in', new TestingSource([1, 2, 3], { batchSize: 3 }))
      .pipe(
        withPolicy(
          retry(3),
          map('m', (n) => {
            check(n)
            return n * 10
          }),
        ),
      )
      .output('out', sink)
    await runtime.run(run(flow, { runtime }))
    expect(calls).to.deep.equal([1, 2, 2, 2, 3])
    expect(times.map((time) => time - (times[0] as number))).to.deep.equal([0, 100, 300])
    expect(sink.items).to.deep.equal([10, 20, 30])
  })

  it('gives up with the error of the last try', async () => {
    const runtime = new VirtualRuntime()
    const { times, check } = flaky(runtime, 2, 9)
    const flow = dataflow('test')
    flow
      .input('in', new TestingSource([1, 2, 3]))
      .pipe(map('m', check))
      .output('out', new TestingSink())
    const error = await runtime
      .run(run(flow, { runtime, onError: retry(4) }))
      .catch((thrown: unknown) => thrown)
    expect(error).to.be.instanceOf(StepError)
    expect((error as StepError).message)
      .to.include('"test.m" failed in mapper')
      .and.include('on 2')
    expect(times).to.have.length(4)
  })

  it('keeps the items of a run of steps in order and in their epochs', async () => {
    const runtime = new VirtualRuntime()
    const { check } = flaky(runtime, 3, 2)
    const seen: [number, number][] = []
    const before = new Map<number, number>()
    const flow = dataflow('test')
    const { trues, falses } = flow.input('in', new TestingSource([1, 2, 3, 4, 5])).pipe(
      inspectDebug('before', (_id, n, epoch) => void before.set(n, epoch)),
      flatMap('twice', (n) => {
        check(n)
        return [n, -n]
      }),
      flatMapBatch('batch', (items) => items),
      branch('b', (n) => n > 0),
    )
    for (const [id, side] of Object.entries({ trues, falses })) {
      side.pipe(
        keyOn(`key-${id}`, String),
        mapValue(`value-${id}`, (n) => n),
        inspectDebug(`after-${id}`, (_id, [, n], epoch) => void seen.push([n, epoch])),
      )
    }
    await runtime.run(run(flow, { runtime, onError: retry(3), epochInterval: 0 }))
    const positive = seen.filter(([n]) => n > 0)
    expect(positive.map(([n]) => n)).to.deep.equal([1, 2, 3, 4, 5])
    expect(seen).to.have.length(10)
    for (const [n, epoch] of seen) expect(epoch).to.equal(before.get(Math.abs(n)))
  })

  it('tries a value of a keyed step again, with the state as it was', async () => {
    const runtime = new VirtualRuntime()
    const { check } = flaky(runtime, 2, 2)
    const sink = new TestingSink<readonly [string, number]>()
    const flow = dataflow('test')
    flow
      .input('in', new TestingSource([1, 2, 3], { batchSize: 3 }))
      .pipe(
        keyOn('key', () => 'a'),
        withPolicy(
          retry(3),
          statefulMap('sum', (sum: number | null, n: number) => {
            check(n)
            const next = (sum ?? 0) + n
            return [next, next]
          }),
        ),
      )
      .output('out', sink)
    await runtime.run(run(flow, { runtime }))
    expect(sink.items).to.deep.equal([
      ['a', 1],
      ['a', 3],
      ['a', 6],
    ])
  })

  it('is refused where it makes no sense', () => {
    const flow = dataflow('test')
    flow
      .input('in', new TestingSource([1]))
      .pipe(map('m', (n) => n))
      .output('out', new TestingSink())
    return Promise.all(
      [
        { retry: { attempts: 0, backoff: 1 } },
        { retry: { attempts: 2, backoff: -1 } },
        'ignore' as never,
        { deadLetter: {} as never },
      ].map(async (onError) => {
        const error = await run(flow, { onError }).catch((thrown: unknown) => thrown)
        expect(error).to.be.instanceOf(BuildError)
      }),
    )
  })
})
