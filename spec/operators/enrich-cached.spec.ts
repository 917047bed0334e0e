import { expect } from 'chai'
import { expectTypeOf } from 'expect-type'
import { BuildError, dataflow, run, type Stream } from 'tidemark'
import { enrichCached } from 'tidemark/operators'
import { TestingSink, TestingSource, VirtualRuntime } from 'tidemark/testing'
import { failure, through, untyped } from '../support/through.ts'

/** A getter that knows the letters' places and notes what it is asked. */
const places = () => {
  const asked: string[] = []
  return {
    asked,
    get: (key: string): number => {
      asked.push(key)
      return key.charCodeAt(0) - 96
    },
  }
}

describe('enrichCached', () => {
  it('asks for each key once', async () => {
    const { asked, get } = places()
    const found = await through(
      ['a', 'b', 'a'],
      enrichCached('e', get, (cache, item: string) => cache.get(item)),
    )
    expect(found).to.deep.equal([1, 2, 1])
    expect(asked).to.deep.equal(['a', 'b'])
  })

  it('asks again for what is older than its ttl', async () => {
    const runtime = new VirtualRuntime()
    const { asked, get } = places()
    const sink = new TestingSink<number>()
    const minute = TestingSource.PAUSE({ minutes: 1 })
    const flow = dataflow('test')
    flow
      .input('in', new TestingSource(['a', minute, 'a', minute, 'a']))
      .pipe(enrichCached('e', get, (cache, item) => cache.get(item), { ttl: { seconds: 90 } }))
      .output('out', sink)
    await runtime.run(run(flow, { runtime }))
    expect(asked).to.deep.equal(['a', 'a'])
    expect(sink.items).to.deep.equal([1, 1, 1])
  })

  it('keeps so many keys, those that are asked for longest', async () => {
    const { asked, get } = places()
    await through(
      ['a', 'b', 'a', 'c', 'a', 'b'],
      enrichCached('e', get, (cache, item: string) => cache.get(item), { maxSize: 2 }),
    )
    expect(asked).to.deep.equal(['a', 'b', 'c', 'b'])
  })

  it('forgets a key when it is told to', async () => {
    const { asked, get } = places()
    const removed: boolean[] = []
    await through(
      ['a', 'a'],
      enrichCached('e', get, (cache, item: string) => {
        removed.push(cache.remove(item))
        return cache.get(item)
      }),
    )
    expect(asked).to.deep.equal(['a', 'a'])
    expect(removed).to.deep.equal([false, true])
  })

  it('waits for getters that take their time, asks once, and keeps the order', async () => {
    const runtime = new VirtualRuntime()
    const asked: string[] = []
    const sink = new TestingSink<string>()
    const flow = dataflow('test')
    flow
      .input('in', new TestingSource(['a', 'b', 'a'], { batchSize: 3 }))
      .pipe(
        enrichCached(
          'e',
          (key: string) => {
            asked.push(key)
            return new Promise<string>((resolve) => {
              runtime.after(key === 'a' ? 500 : 10, () => resolve(key.toUpperCase()))
            })
          },
          async (cache, item) => `${item}${await cache.get(item)}`,
        ),
      )
      .output('out', sink)
    await runtime.run(run(flow, { runtime }))
    expect(sink.items).to.deep.equal(['aA', 'bB', 'aA'])
    expect(asked).to.deep.equal(['a', 'b'])
  })

  it('does not keep a look-up that failed', async () => {
    let asked = 0
    const found = await through(
      ['a', 'a', 'a'],
      enrichCached(
        'e',
        async () => {
          asked += 1
          if (asked === 1) throw new Error('away')
          return asked
        },
        (cache, item: string) => cache.get(item),
        { concurrency: 1 },
      ),
      { onError: 'skip' },
    )
    expect(found).to.deep.equal([2, 2])
  })

  it('names the step of what its getter throws', async () => {
    const get = (): number => {
      throw new Error('unknown')
    }
    const error = await failure(
      through(
        ['a'],
        enrichCached('e', get, (cache, item: string) => cache.get(untyped(item))),
      ),
    )
    expect(error.message).to.include('Step "test.e"').and.to.include('unknown')
  })

  it('infers its types', () => {
    const letters = dataflow('test').input('in', new TestingSource(['a']))
    expectTypeOf(
      letters.pipe(
        enrichCached(
          'e',
          async (key: string) => key.length,
          (cache, item) => cache.get(item).then((length) => ({ item, length })),
          { ttl: 1000 },
        ),
      ),
    ).toEqualTypeOf<Stream<{ item: string; length: number }>>()
  })

  it('refuses bounds that make no sense', () => {
    const make = (options: object) => () => enrichCached('e', String, () => 1, options)
    expect(make({ maxSize: 0 })).to.throw(BuildError, 'maxSize')
    expect(make({ ttl: -1 })).to.throw(BuildError, 'ttl')
    expect(make({ concurrency: 0.5 })).to.throw(BuildError, 'concurrency')
  })
})
