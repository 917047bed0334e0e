import { expect } from 'chai'
import { expectTypeOf } from 'expect-type'
import {
  concatMap,
  debounceTime,
  delay,
  from,
  NEVER,
  type Observable,
  reduce,
  map as rxMap,
  merge as rxMerge,
  scan,
  share,
  startWith,
  take,
  toArray,
} from 'rxjs'
import { dataflow, run, StepError, type Stream, start } from 'tidemark'
import { inspectDebug, rx } from 'tidemark/operators'
import { TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'
import { failure, through, untyped } from '../support/through.ts'

describe('rx', () => {
  it('puts items through RxJS operators', async () => {
    const running = await through(
      [1, 2, 3, 4],
      rx(
        'sum',
        scan((sum, n: number) => sum + n, 0),
      ),
    )
    expect(running).to.deep.equal([1, 3, 6, 10])
  })

  it('infers its types', () => {
    const numbers = dataflow('test').input('in', new TestingSource([1]))
    expectTypeOf(
      numbers.pipe(
        rx(
          'a',
          rxMap((n) => `${n}`),
        ),
      ),
    ).toEqualTypeOf<Stream<string>>()
    expectTypeOf(
      numbers.pipe(rx('b', (items, scheduler) => items.pipe(delay(1, scheduler), toArray()))),
    ).toEqualTypeOf<Stream<number[]>>()
  })

  it('completes the Observable when input ends', async () => {
    expect(await through([1, 2, 3], rx('all', toArray()))).to.deep.equal([[1, 2, 3]])
  })

  it('gives what comes before the first item and without any', async () => {
    expect(await through<number, number>([], rx('s', startWith(7)))).to.deep.equal([7])
  })

  it('drops items when the Observable wants no more', async () => {
    expect(await through([1, 2, 3, 4, 5], rx('take', take(3)))).to.deep.equal([1, 2, 3])
  })

  it('lets several subscribers see every item', async () => {
    const twice = (items: Observable<number>): Observable<number> =>
      rxMerge(items, items.pipe(rxMap((n) => -n)))
    expect(await through([1, 2], rx('twice', twice))).to.deep.equal([1, -1, 2, -2])
    expect(
      await through(
        [1, 2],
        rx('shared', (items: Observable<number>) => twice(items.pipe(share()))),
      ),
    ).to.deep.equal([1, -1, 2, -2])
  })

  it('ends the run with what the Observable errors with', async () => {
    const boom = rxMap((n: number) => {
      if (n === 2) throw new RangeError('boom')
      return n
    })
    const error = await failure(through([1, 2, 3], rx('r', boom), { onError: 'skip' }))
    expect(error.message).to.include('Step "test.r" failed in project: RangeError: boom')
  })

  it('refuses a function that gives no Observable, and a life it does not know', async () => {
    const error = await failure(
      through(
        [1],
        rx(
          'r',
          untyped(() => 7),
        ),
      ),
    )
    expect(error.message).to.include('must return an Observable; got number')
    expect(() => rx('r', take(1), { per: untyped('day') })).to.throw("it must be 'run' or 'epoch'")
  })

  it('runs operators with time on the engine clock', async () => {
    const runtime = new VirtualRuntime()
    const sink = new TestingSink<number>()
    const flow = dataflow('test')
    flow
      .input('in', new TestingSource([1, 2, TestingSource.PAUSE({ hours: 1 }), 3]))
      .pipe(rx('calm', (items, scheduler) => items.pipe(debounceTime(60_000, scheduler))))
      .output('out', sink)
    await runtime.run(run(flow, { runtime }))
    expect(sink.items).to.deep.equal([2, 3])
  })

  it('leaves a pipeline that never completes alone when the flow is stopped', async () => {
    const runtime = new VirtualRuntime()
    const sink = new TestingSink<number>()
    const flow = dataflow('test')
    flow
      .input('in', new TestingSource([1, TestingSource.PAUSE({ hours: 1 }), 2]))
      .pipe(rx('open', (items) => rxMerge(items, NEVER)))
      .output('out', sink)
    const execution = start(flow, { runtime })
    runtime.after(1000, () => void execution.stop())
    expect((await runtime.run(execution.done)).reason).to.equal('stopped')
    expect(sink.items).to.deep.equal([1])
  })

  describe('per epoch', () => {
    it('has a fresh Observable for each epoch, completed at its end', async () => {
      const sums = await through(
        [1, 2, 3, 4, 5],
        rx(
          'sum',
          reduce((sum, n: number) => sum + n, 0),
          { per: 'epoch' },
        ),
        { epochInterval: 0 },
      )
      expect(sums).to.deep.equal([3, 7, 5])
    })

    it('keeps late results in their epoch', async () => {
      const runtime = new VirtualRuntime()
      const came = new Map<number, number>()
      const left: [number, number][] = []
      const flow = dataflow('test')
      flow.input('in', new TestingSource([1, 2, 3, 4])).pipe(
        inspectDebug('before', (_id, n, epoch) => void came.set(n, epoch)),
        rx(
          'slow',
          (items, scheduler) => items.pipe(concatMap((n) => from([n]).pipe(delay(500, scheduler)))),
          { per: 'epoch' },
        ),
        inspectDebug('after', (_id, n, epoch) => void left.push([n, epoch])),
      )
      await runtime.run(run(flow, { runtime, epochInterval: 0 }))
      expect(left).to.deep.equal([1, 2, 3, 4].map((n) => [n, came.get(n)]))
    })

    it('gives the epoch that was open when the flow was stopped', async () => {
      const runtime = new VirtualRuntime()
      const sink = new TestingSink<number[]>()
      const flow = dataflow('test')
      flow
        .input('in', new TestingSource([1, 2, TestingSource.PAUSE({ hours: 1 }), 3]))
        .pipe(rx('all', toArray(), { per: 'epoch' }))
        .output('out', sink)
      const execution = start(flow, { runtime, epochInterval: { hours: 5 } })
      runtime.after(1000, () => void execution.stop())
      await runtime.run(execution.done)
      expect(sink.items).to.deep.equal([[1, 2]])
    })

    it('ends the run with an error that comes late', async () => {
      const runtime = new VirtualRuntime()
      const flow = dataflow('test')
      flow
        .input('in', new TestingSource([1]))
        .pipe(
          rx('late', (items, scheduler) =>
            items.pipe(
              delay(500, scheduler),
              rxMap(() => {
                throw new Error('late')
              }),
            ),
          ),
        )
        .output('out', new TestingSink())
      const error = await runtime.run(run(flow, { runtime })).catch((thrown: unknown) => thrown)
      expect(error).to.be.instanceOf(StepError)
      expect((error as StepError).message).to.include('failed in project: late')
    })
  })
})
