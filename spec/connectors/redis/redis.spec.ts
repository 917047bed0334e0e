import { expect } from 'chai'
import { ConnectorError, dataflow, type RecoveryStore, run, type Sink } from 'tidemark'
import { RedisHashSink, RedisStreamSink, RedisStreamSource } from 'tidemark/connectors/redis'
import { keyOn } from 'tidemark/operators'
import {
  describeSource,
  describeWriteAheadSink,
  MemoryStore,
  pollNextBatch,
  TestingSource,
} from 'tidemark/testing'
import { failure } from '../../support/failure.ts'
import { Folder } from '../../support/folder.ts'
import { expectUndisturbed } from '../../support/killed-flow.ts'
import { RedisServer, redisProgram } from '../../support/redis-server.ts'
import { PROGRAM } from './killed-flow.ts'

describe(RedisServer.titled('the Redis connector'), () => {
  const folder = new Folder()
  const logger = { info: () => {}, warn: () => {}, error: () => {} }
  let server: RedisServer
  let made = 0

  before(async function () {
    if (redisProgram() === null) return this.skip()
    server = await RedisServer.make()
  })

  after(() => server?.remove())
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const name = (): string => {
    made += 1
    return `s${made}`
  }

  const through = async <T>(
    items: readonly T[],
    sink: Sink<T>,
    recovery?: RecoveryStore | MemoryStore,
  ): Promise<void> => {
    const flow = dataflow('redis')
    flow.input('in', new TestingSource<T>([...items], { batchSize: 3 })).output('out', sink)
    await run(flow, { epochInterval: 0, logger, ...(recovery === undefined ? {} : { recovery }) })
  }

  const filled = async (count: number): Promise<string> => {
    const stream = name()
    for (let n = 1; n <= count; n += 1) await server.ask('XADD', stream, `${n}-1`, 'n', n)
    return stream
  }

  describeSource('RedisStreamSource', async () => {
    const stream = await filled(5)
    return {
      source: new RedisStreamSource({
        url: server.url,
        streams: stream,
        tail: false,
        batchSize: 2,
      }),
      items: [1, 2, 3, 4, 5].map((n) => ({ stream, id: `${n}-1`, fields: { n: `${n}` } })),
      fail: async () => {
        await server.ask('DEL', stream)
        await server.ask('SET', stream, 'no stream')
      },
    }
  })

  describeWriteAheadSink('RedisStreamSink', () => {
    const stream = name()
    return {
      sink: () => new RedisStreamSink<number>({ url: server.url, stream, markers: `${stream}m` }),
      items: [1, 2, 3, 4, 5],
      written: async () => (await server.entries(stream)).map(([, data]) => Number(data)),
      away: () => server.kill(),
      back: () => server.start(),
    }
  })

  describe('RedisStreamSource', () => {
    it('goes on when new entries come, and starts where it is told', async () => {
      const stream = await filled(3)
      const { url } = server
      const part = await new RedisStreamSource({ url, streams: stream, start: '2-1' }).buildPart(
        'in',
        stream,
        null,
      )
      const late = await new RedisStreamSource({ url, streams: stream, start: 'latest' }).buildPart(
        'in',
        stream,
        null,
      )
      expect(await pollNextBatch(part)).to.deep.equal([{ stream, id: '3-1', fields: { n: '3' } }])
      const waits = pollNextBatch(part)
      await server.ask('XADD', stream, '9-9', 'n', 'new', '__proto__', 'x')
      const found = [{ stream, id: '9-9', fields: { n: 'new' } }]
      expect(await waits).to.deep.equal(found)
      expect(await pollNextBatch(late)).to.deep.equal(found)
      part.close()
      late.close()
    })

    it('gives the bytes of a value as they are', async () => {
      const stream = name()
      const sink = new RedisStreamSink<Uint8Array>({ url: server.url, stream })
      await through([new Uint8Array([0, 255, 13, 10])], sink)
      const source = new RedisStreamSource({
        url: server.url,
        streams: stream,
        tail: false,
        value: (bytes) => [...bytes],
      })
      const part = await source.buildPart('in', stream, null)
      const [entry] = [...((await part.nextBatch()) as Iterable<{ fields: unknown }>)]
      expect(entry?.fields).to.deep.equal({ data: [0, 255, 13, 10] })
      part.close()
    })

    it('reads on when the server was killed and is back', async () => {
      const stream = await filled(2)
      const source = new RedisStreamSource({ url: server.url, streams: stream })
      const part = await source.buildPart('in', stream, null)
      expect(await pollNextBatch(part)).to.have.length(2)
      const waits = pollNextBatch(part, 30_000)
      await server.kill()
      await server.start()
      await server.ask('XADD', stream, '7-7', 'n', 7)
      expect(await waits).to.deep.equal([{ stream, id: '7-7', fields: { n: '7' } }])
      part.close()
    })

    it('refuses a database that the server does not have, instead of reading another', async () => {
      const stream = await filled(1)
      const source = new RedisStreamSource({ url: `${server.url}/9999`, streams: stream })
      const refused = await failure(source.buildPart('f.in', stream, null))
      expect(refused).to.be.instanceOf(ConnectorError).and.to.include({ retryable: false })
      expect(String(refused)).to.include('DB index is out of range')
    })

    it('tells of a stream that was made anew', async () => {
      const stream = await filled(3)
      const source = new RedisStreamSource({ url: server.url, streams: stream })
      await server.ask('DEL', stream)
      await server.ask('XADD', stream, '1-0', 'n', 1)
      const error = await failure(source.buildPart('in', stream, { id: '3-1' }))
      expect(String(error)).to.include('it was made anew')
    })
  })

  describe('RedisStreamSink', () => {
    it('writes an epoch that is longer than one script in order and once', async () => {
      const stream = name()
      const items = Array.from({ length: 3500 }, (_, n) => ({ n, more: 'x'.repeat(n % 900) }))
      const sink = new RedisStreamSink<(typeof items)[number]>({
        url: server.url,
        stream,
        fields: ({ n, more }) => ({ n, more }),
      })
      sink.useRun({ recovery: true, runtime: null as never })
      const slot = await sink.build('flow.out', '0', { execution: 1 })
      await slot.fence(1)
      await Promise.all([slot.deliver(1, items), slot.deliver(1, items)])
      const found = (await server.entries(stream)).map(([, n]) => Number(n))
      expect(found).to.deep.equal(items.map(({ n }) => n))
      await slot.close()
    })

    it('keeps about as many entries as it is told', async () => {
      const stream = name()
      const items = Array.from({ length: 2000 }, (_, n) => n)
      await through(items, new RedisStreamSink<number>({ url: server.url, stream, maxLength: 100 }))
      expect(await server.ask('XLEN', stream)).to.be.below(500)
    })

    it('writes nothing when one of the keys holds something else', async () => {
      const stream = name()
      await server.ask('SET', `${stream}b`, 'text')
      const sink = new RedisStreamSink<string>({
        url: server.url,
        stream: (item) => `${stream}${item}`,
      })
      const error = await failure(through(['a', 'a', 'b'], sink))
      expect(error).to.be.instanceOf(ConnectorError)
      expect(String(error)).to.include('holds a string, not a stream')
      expect(await server.ask('EXISTS', `${stream}a`)).to.equal(0)
    })

    it('tells whether trying again may help when there is no server, or it is locked', async () => {
      const sink = new RedisStreamSink({ url: 'redis://user:secret@127.0.0.1:1', stream: 'x' })
      const error = (await failure(sink.build('a', '0', { execution: 1 }))) as ConnectorError
      expect(error).to.include({ retryable: true })
      expect(error.message).to.not.include('secret')
      await server.ask('CONFIG', 'SET', 'requirepass', 'open')
      const locked = new RedisStreamSink({ url: server.url, stream: name() })
      const told = (await failure(through([1], locked))) as ConnectorError
      expect(told).to.include({ retryable: false })
      expect(told.message).to.include('NOAUTH')
      await server.ask('CONFIG', 'SET', 'requirepass', '')
    })

    it('holds what a run makes that nobody disturbs, after kill -9 at any moment @long', async () => {
      await expectUndisturbed({
        program: PROGRAM,
        words: [server.url],
        dir: folder.file('store'),
        count: async () => Number(await server.ask('XLEN', 'killed')),
        rows: async () =>
          (await server.entries('killed')).map(([, data]) => JSON.parse(data ?? '')),
      })
    }).timeout(300_000)
  })

  describe('RedisHashSink', () => {
    it('holds the last value of each key, and drops what is null', async () => {
      const hash = name()
      const flow = dataflow('hash')
      flow
        .input('in', new TestingSource([1, 2, 3, 4, 5, null], { batchSize: 2 }))
        .pipe(keyOn('key', (n) => (n === null ? 'k1' : `k${n % 3}`)))
        .output('out', new RedisHashSink({ url: server.url, hash }))
      await run(flow, { workers: 2, recovery: new MemoryStore() })
      const found = (await server.ask('HGETALL', hash)) as string[]
      expect([...found].sort()).to.deep.equal(['3', '5', 'k0', 'k2'])
    })

    it('shuts an older execution out', async () => {
      const hash = name()
      const sink = new RedisHashSink({ url: server.url, hash })
      sink.useRun({ recovery: true, runtime: null as never })
      const old = await sink.build('flow.hash', '0', { execution: 1 })
      const heir = await sink.build('flow.hash', '0', { execution: 2 })
      await old.fence(1)
      await old.deliver(1, [['k', 'old']])
      await heir.fence(2)
      expect(await heir.delivered()).to.equal(1)
      await heir.deliver(2, [['k', 'new']])
      expect(String(await failure(old.deliver(2, [['k', 'older']])))).to.include('later execution')
      expect(await server.ask('HGET', hash, 'k')).to.equal('new')
      await old.close()
      await heir.close()
    })
  })

  it('refuses options that can not work', () => {
    const url = 'redis://localhost'
    expect(() => new RedisStreamSource({ url: 'http://x', streams: 'a' })).to.throw(/redis:/)
    expect(() => new RedisStreamSource({ url, streams: [] })).to.throw(/streams/)
    expect(() => new RedisStreamSource({ url, streams: ['a', 'a'] })).to.throw(/twice/)
    expect(() => new RedisStreamSink({ url, stream: '' })).to.throw(/stream/)
    expect(() => new RedisStreamSink({ url, stream: 'a', maxLength: 0 })).to.throw(/maxLength/)
    expect(() => new RedisHashSink({ url, hash: 'tidemark_slots' })).to.throw(/markers/)
  })
})
