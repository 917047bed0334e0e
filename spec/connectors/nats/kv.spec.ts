import { expect } from 'chai'
import { dataflow, run } from 'tidemark'
import { type KvEntry, KvSink, KvSource } from 'tidemark/connectors/nats'
import {
  describeSource,
  MemoryStore,
  pollNextBatch,
  TestingSink,
  TestingSource,
} from 'tidemark/testing'
import { NatsWorld } from '../../support/nats-world.ts'

describe(NatsWorld.titled('KvSource and KvSink'), function () {
  let world: NatsWorld

  before(async function () {
    if (NatsWorld.missing) return this.skip()
    world = await NatsWorld.make()
  })

  after(() => world?.remove())

  const bucket = async (history = 1) => {
    const name = world.name()
    return { name, kv: await world.connection.jetstream().views.kv(name, { history }) }
  }

  const failureOf = (doing: Promise<unknown>): Promise<unknown> =>
    doing.then(
      () => null,
      (error: unknown) => error,
    )

  it('keeps the last value of each key, and removes keys for null', async () => {
    const { name, kv } = await bucket()
    await kv.put('gone', 'old')
    const items: [string, unknown][] = [
      ['a', 1],
      ['b', 'text'],
      ['a', { n: 2 }],
      ['gone', null],
    ]
    const flow = dataflow('kv')
    flow
      .input('in', new TestingSource(items))
      .output('out', new KvSink({ servers: world.url, bucket: name }))
    await run(flow, { recovery: new MemoryStore(), epochInterval: 0 })
    expect((await kv.get('a'))?.string()).to.equal('{"n":2}')
    expect((await kv.get('b'))?.string()).to.equal('text')
    expect((await kv.get('gone'))?.operation).to.equal('DEL')
  })

  it('refuses what has no key, and keys that NATS does not take', async () => {
    const { name } = await bucket()
    const write = (item: unknown) => {
      const flow = dataflow('bad')
      flow
        .input('in', new TestingSource([item as [string, unknown]]))
        .output('out', new KvSink({ servers: world.url, bucket: name }))
      return failureOf(run(flow))
    }
    expect(String(await write('plain'))).to.include('keyed items')
    expect(String(await write(['a b', 1]))).to.include("can't be a key")
  })

  it('gives the last value of each key, then changes, and removals as null', async () => {
    const { name, kv } = await bucket(5)
    for (const [key, value] of [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ] as const)
      await kv.put(key, value)
    const source = new KvSource({ servers: world.url, bucket: name })
    const part = await source.buildPart('flow.in', name, null)
    const textsOf = async (): Promise<unknown[]> => {
      const batch = await pollNextBatch(part)
      const entries = Array.isArray(batch) ? (batch as KvEntry[]) : []
      return entries.map(({ key, value }) => [key, value && new TextDecoder().decode(value)])
    }
    const first = await textsOf()
    if (first.length < 2) first.push(...(await textsOf()))
    expect(first).to.deep.equal([
      ['b', '2'],
      ['a', '3'],
    ])
    await kv.delete('b')
    expect(await textsOf()).to.deep.equal([['b', null]])
    await part.close()
  })

  it('says that a bucket is missing', async () => {
    const source = new KvSource({ servers: world.url, bucket: 'none' })
    expect(String(await failureOf(source.buildPart('flow.in', 'none', null)))).to.include(
      'There is no key-value bucket "none"',
    )
  })

  it('runs to the end of what a bucket holds', async () => {
    const { name, kv } = await bucket()
    await kv.put('k', 'v')
    const out = new TestingSink<KvEntry>()
    const flow = dataflow('ends')
    flow
      .input('in', new KvSource({ servers: world.url, bucket: name, tail: false }))
      .output('out', out)
    await run(flow)
    expect(out.items.map(({ key }) => key)).to.deep.equal(['k'])
  })

  if (NatsWorld.missing) return
  describeSource('KvSource', async () => {
    const { name, kv } = await bucket()
    for (let at = 0; at < 7; at += 1) await kv.put(`k${at}`, String(at))
    const source = new KvSource({ servers: world.url, bucket: name, tail: false, batchSize: 3 })
    const part = await source.buildPart('flow.in', name, null)
    const items: KvEntry[] = []
    for (let batch = await pollNextBatch(part); Array.isArray(batch); ) {
      items.push(...batch)
      batch = await pollNextBatch(part)
    }
    await part.close()
    return { source, items }
  })
})
