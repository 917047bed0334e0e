import { expect } from 'chai'
import { batchAsync } from '../../../lib/flow/batch-async.ts'
import { batchGetter } from '../../../lib/flow/batch-getter.ts'
import { batchIterable } from '../../../lib/flow/batch-iterable.ts'
import { fromAsyncIterable } from '../../../lib/flow/from-async-iterable.ts'
import { fromIterable } from '../../../lib/flow/from-iterable.ts'
import { EOF } from '../../../lib/flow/source.ts'
import type { Runtime } from '../../../lib/runtime/runtime.ts'
import { describeSource } from '../../../testing/index.ts'

/** A clock that is moved by hand. */
const handClock = () => {
  let now = 0
  const timers = new Set<{ at: number; task: () => void }>()
  const runtime: Runtime = {
    now: () => now,
    monotonic: () => now,
    after: (delay, task) => {
      const timer = { at: now + delay, task }
      timers.add(timer)
      return { cancel: () => timers.delete(timer) }
    },
    soon: (task) => queueMicrotask(task),
    random: () => 0.5,
  }
  const advance = (millis: number) => {
    now += millis
    for (const timer of [...timers]) {
      if (timer.at <= now && timers.delete(timer)) timer.task()
    }
  }
  return { runtime, advance, waiting: () => timers.size }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** An async iterator that is fed by hand. */
const handFed = <T>() => {
  const wanted: ((result: IteratorResult<T>) => void)[] = []
  return {
    asked: () => wanted.length,
    give: (value: T) => wanted.shift()?.({ value, done: false }),
    returned: 0,
    next: () => new Promise<IteratorResult<T>>((resolve) => wanted.push(resolve)),
    return(): Promise<IteratorResult<T>> {
      this.returned += 1
      return new Promise(() => undefined)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

describeSource('fromIterable of an array', () => ({
  source: fromIterable([1, 2, 3, 4, 5], { batchSize: 2 }),
  items: [1, 2, 3, 4, 5],
}))

describeSource('fromIterable of a generator function', () => ({
  source: fromIterable(
    function* () {
      yield* [1, 2, 3, 4, 5]
    },
    { batchSize: 2 },
  ),
  items: [1, 2, 3, 4, 5],
}))

describeSource('fromAsyncIterable', () => ({
  source: fromAsyncIterable(
    async function* () {
      yield* [1, 2, 3, 4, 5]
    },
    { batchSize: 2 },
  ),
  items: [1, 2, 3, 4, 5],
}))

describe('fromIterable', () => {
  it('ends the generator when it is closed early', async () => {
    let ended = false
    const source = fromIterable(
      function* () {
        try {
          yield* [1, 2, 3]
        } finally {
          ended = true
        }
      },
      { batchSize: 1 },
    )
    const part = await source.buildPart('in', 'iterable', null)
    expect(part.nextBatch()).to.deep.equal([1])
    await part.close()
    expect(ended).to.equal(true)
  })

  it('refuses a batch size that is no count', () => {
    expect(() => fromIterable([], { batchSize: 0 })).to.throw('batchSize')
  })
})

describe('fromAsyncIterable', () => {
  it('asks for nothing beyond the batch that is gathered', async () => {
    const feed = handFed<number>()
    const part = await fromAsyncIterable(feed, { batchSize: 2 }).buildPart('in', 'iterable', null)
    const batch = part.nextBatch()
    expect(feed.asked()).to.equal(1)
    feed.give(1)
    await turn()
    feed.give(2)
    expect(await batch).to.deep.equal([1, 2])
    await turn()
    expect(feed.asked()).to.equal(0)
  })

  it('closes while an item that may never come is awaited', async () => {
    const feed = handFed<number>()
    const part = await fromAsyncIterable(feed).buildPart('in', 'iterable', null)
    const batch = part.nextBatch()
    await part.close()
    expect(feed.returned).to.equal(1)
    expect(await batch).to.equal(EOF)
  })

  it('hands over the items before a failure, then fails', async () => {
    const source = fromAsyncIterable(async function* () {
      yield 1
      throw new Error('cut')
    })
    const part = await source.buildPart('in', 'iterable', null)
    expect(await part.nextBatch()).to.deep.equal([1])
    let failure: unknown
    await Promise.resolve(part.nextBatch()).catch((cause: unknown) => {
      failure = cause
    })
    expect(failure).to.have.property('message', 'cut')
  })

  it("closes a batch on the run's clock after its first item", async () => {
    const clock = handClock()
    const feed = handFed<number>()
    const source = fromAsyncIterable(feed, { timeout: 10 })
    source.useRun?.({ runtime: clock.runtime, recovery: false })
    const part = await source.buildPart('in', 'iterable', null)
    const batch = part.nextBatch()
    expect(clock.waiting()).to.equal(0)
    feed.give(1)
    await turn()
    clock.advance(10)
    expect(await batch).to.deep.equal([1])
  })
})

describe('batchIterable', () => {
  it('cuts into lists, the last one shorter, then stays ended', () => {
    const batches = batchIterable([0, 1, 2, 3, 4], 3)
    expect(batches.next().value).to.deep.equal([0, 1, 2])
    expect(batches.next().value).to.deep.equal([3, 4])
    expect(batches.next().done).to.equal(true)
    expect(batches.next().done).to.equal(true)
  })
})

describe('batchGetter', () => {
  it('ends a list at null or when it is full, and itself at EOF', () => {
    const queue: (number | typeof EOF)[] = [0, 1, 2, 3, 4]
    const batches = batchGetter(() => queue.shift() ?? null, 3)
    expect(batches.next().value).to.deep.equal([0, 1, 2])
    expect(batches.next().value).to.deep.equal([3, 4])
    expect(batches.next().value).to.deep.equal([])
    queue.push(5, EOF)
    expect(batches.next().value).to.deep.equal([5])
    expect(batches.next().done).to.equal(true)
    expect(batches.next().done).to.equal(true)
  })
})

describe('batchAsync', () => {
  it('gathers up to maxSize, hands over the rest, then stays ended', async () => {
    const numbers = (async function* () {
      yield* [0, 1, 2, 3, 4]
    })()
    const batches = batchAsync(numbers, { timeout: { seconds: 1 }, maxSize: 2 })
    expect((await batches.next()).value).to.deep.equal([0, 1])
    expect((await batches.next()).value).to.deep.equal([2, 3])
    expect((await batches.next()).value).to.deep.equal([4])
    expect((await batches.next()).done).to.equal(true)
    expect((await batches.next()).done).to.equal(true)
  })

  it('keeps the item that a timeout left pending', async () => {
    const clock = handClock()
    const feed = handFed<number>()
    const batches = batchAsync(feed, { timeout: 100, maxSize: 2, runtime: clock.runtime })
    const empty = batches.next()
    clock.advance(100)
    expect((await empty).value).to.deep.equal([])
    feed.give(7)
    const kept = batches.next()
    await turn()
    clock.advance(100)
    expect((await kept).value).to.deep.equal([7])
    expect(feed.asked()).to.equal(1)
  })
})
