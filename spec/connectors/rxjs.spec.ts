import { expect } from 'chai'
import { Observable, of, Subject, throwError } from 'rxjs'
import { fromObservable, ObservableSink } from '../../connectors/rxjs/index.ts'
import { ConnectorError } from '../../lib/errors/errors.ts'
import { EOF } from '../../lib/flow/source.ts'
import { describeSink, describeSource } from '../../testing/index.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))
const caught = (polled: () => unknown) =>
  new Promise((resolve) => resolve(polled())).catch((cause: unknown) => cause)

describeSource('fromObservable', () => ({ source: fromObservable(of(1, 2, 3)), items: [1, 2, 3] }))

describeSource('fromObservable of one that can fail', () => {
  const items$ = new Subject<number>()
  const source = fromObservable(
    new Observable<number>((subscriber) => {
      for (const item of [1, 2, 3]) subscriber.next(item)
      setImmediate(() => subscriber.complete())
      return items$.subscribe(subscriber)
    }),
  )
  return { source, items: [1, 2, 3], fail: () => items$.error(new Error('cut')) }
})

describeSink('ObservableSink', () => {
  const sink = new ObservableSink<number>()
  const seen: number[] = []
  sink.items$.subscribe((item) => seen.push(item))
  return { sink, items: [1, 2, 3], written: () => seen }
})

describe('fromObservable', () => {
  it('subscribes when the run is told of, and unsubscribes when it is over', () => {
    const items$ = new Subject<number>()
    const source = fromObservable(items$)
    source.useRun()
    expect(items$.observed).to.equal(true)
    items$.next(1)
    const part = source.buildPart()
    expect(part.nextBatch()).to.deep.equal([1])
    source.endRun()
    expect(items$.observed).to.equal(false)
    expect(part.nextBatch()).to.equal(EOF)
  })

  it('waits for an item without being asked again', async () => {
    const items$ = new Subject<number>()
    const part = fromObservable(items$).buildPart()
    const batch = part.nextBatch()
    items$.next(1)
    items$.next(2)
    expect(await batch).to.deep.equal([1, 2])
    const end = part.nextBatch()
    items$.complete()
    expect(await end).to.equal(EOF)
  })

  it('hands over what came before an overflow or an error, then fails', async () => {
    const full = fromObservable(of(1, 2, 3), { buffer: 2 }).buildPart()
    expect(full.nextBatch()).to.deep.equal([1, 2])
    expect(await caught(() => full.nextBatch())).to.be.instanceOf(ConnectorError)
    const failed = fromObservable(throwError(() => new Error('cut'))).buildPart()
    expect(await caught(() => failed.nextBatch())).to.have.nested.property('cause.message', 'cut')
  })

  it('drops the oldest or the newest when it is told to, and counts them', () => {
    const oldest = fromObservable(of(1, 2, 3, 4), { buffer: 2, overflow: 'dropOldest' })
    expect(oldest.buildPart().nextBatch()).to.deep.equal([3, 4])
    expect(oldest.dropped).to.equal(2)
    const newest = fromObservable(of(1, 2, 3, 4), { buffer: 2, overflow: 'dropNewest' })
    expect(newest.buildPart().nextBatch()).to.deep.equal([1, 2])
  })

  it('subscribes anew in each run', () => {
    let subscriptions = 0
    const source = fromObservable(
      new Observable<number>(() => {
        subscriptions += 1
      }),
    )
    for (let run = 0; run < 2; run += 1) {
      source.useRun()
      source.buildPart()
      source.endRun()
    }
    expect(subscriptions).to.equal(2)
  })
})

describe('ObservableSink', () => {
  it('completes when the run ends and errors when it fails', () => {
    const sink = new ObservableSink<number>()
    const seen: string[] = []
    const listen = () =>
      sink.items$.subscribe({
        error: (cause: unknown) => seen.push(String(cause)),
        complete: () => seen.push('complete'),
      })
    listen()
    sink.useRun()
    sink.endRun(null)
    sink.useRun()
    listen()
    sink.endRun(new Error('boom'))
    expect(seen).to.deep.equal(['complete', 'Error: boom'])
  })

  it('makes the flow wait for a loop', async () => {
    const sink = new ObservableSink<number>()
    sink.useRun()
    const loop = sink[Symbol.asyncIterator]()
    let written = false
    const write = Promise.resolve(sink.build().writeBatch([1, 2])).then(() => {
      written = true
    })
    expect(await loop.next()).to.deep.equal({ value: 1, done: false })
    expect(await loop.next()).to.deep.equal({ value: 2, done: false })
    await turn()
    expect(written).to.equal(false)
    const end = loop.next()
    await write
    sink.endRun(null)
    expect(await end).to.deep.equal({ value: undefined, done: true })
  })

  it('lets the flow go on when a loop is left', async () => {
    const sink = new ObservableSink<number>()
    sink.useRun()
    const part = sink.build()
    const seen: number[] = []
    const loop = (async () => {
      for await (const item of sink) {
        seen.push(item)
        break
      }
    })()
    await Promise.all([part.writeBatch([1, 2, 3]), loop])
    await part.writeBatch([4])
    expect(seen).to.deep.equal([1])
  })

  it('fails a loop with what the run failed with', async () => {
    const sink = new ObservableSink<number>()
    sink.useRun()
    const loop = sink[Symbol.asyncIterator]()
    const next = loop.next().catch((cause: unknown) => String(cause))
    sink.endRun(new Error('boom'))
    expect(await next).to.equal('Error: boom')
    expect((await loop.next()).done).to.equal(true)
  })
})
