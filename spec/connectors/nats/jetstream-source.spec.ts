import { expect } from 'chai'
import {
  AbortExecution,
  ConnectorError,
  dataflow,
  run,
  type StatelessSourcePartition,
  start,
} from 'tidemark'
import {
  type JetStreamItem,
  JetStreamSource,
  type JetStreamSourceOptions,
} from 'tidemark/connectors/nats'
import { map } from 'tidemark/operators'
import { describeSource, MemoryStore, pollNextBatch, TestingSink } from 'tidemark/testing'
import { LocalNats } from '../../../cluster/nats-server.ts'
import { NatsWorld } from '../../support/nats-world.ts'

const textOf = ({ data }: JetStreamItem): string => new TextDecoder().decode(data)
const numbered = (count: number): readonly (readonly [string, string])[] =>
  Array.from({ length: count }, (_, at) => [`k${at % 5}`, String(at)] as const)
/** As many items as are asked for, or all to the end. */
const gather = async (
  part: StatelessSourcePartition<JetStreamItem>,
  count = Number.POSITIVE_INFINITY,
): Promise<string[]> => {
  const texts: string[] = []
  while (texts.length < count) {
    const batch = await pollNextBatch(part)
    if (!Array.isArray(batch)) break
    texts.push(...batch.map(textOf))
  }
  return texts
}
const silent = { info: () => {}, warn: () => {}, error: () => {} }

describe(NatsWorld.titled('JetStreamSource'), function () {
  let world: NatsWorld

  before(async function () {
    if (NatsWorld.missing) return this.skip()
    world = await NatsWorld.make()
  })

  after(() => world?.remove())

  const failureOf = (doing: Promise<unknown>): Promise<unknown> =>
    doing.then(
      () => null,
      (error: unknown) => error,
    )

  const read = async (options: Omit<JetStreamSourceOptions, 'servers'>): Promise<string[]> => {
    const out = new TestingSink<string>()
    const flow = dataflow('read')
    flow
      .input('in', new JetStreamSource({ servers: world.url, tail: false, ...options }))
      .pipe(map('text', textOf))
      .output('out', out)
    await run(flow, { logger: silent })
    return [...out.items]
  }

  it('gives subject, bytes, headers, sequence and time', async () => {
    const stream = await world.stream([['a', 'one']])
    const out = new TestingSink<JetStreamItem>()
    const flow = dataflow('facts')
    flow
      .input('in', new JetStreamSource({ servers: world.url, stream, tail: false }))
      .output('out', out)
    await run(flow)
    const [item] = out.items
    expect(item).to.include({ subject: `${stream}.a`, sequence: 1 })
    expect(item?.data).to.deep.equal(new TextEncoder().encode('one'))
    expect(item?.headers).to.deep.equal({})
    const stored = await world.manager.streams.getMessage(stream, { seq: 1 })
    expect(item?.timestamp).to.equal(stored.time.getTime())
  })

  it('reads what its filter lets through, and nothing of an empty stream', async () => {
    const stream = await world.stream(numbered(20))
    expect(await read({ stream, filter: `${stream}.k3` })).to.deep.equal(['3', '8', '13', '18'])
    expect(await read({ stream, filter: `${stream}.none` })).to.deep.equal([])
    expect(await read({ stream: await world.stream() })).to.deep.equal([])
  })

  it('reads each message in one partition, subjects whole', async () => {
    const stream = await world.stream(numbered(60))
    const source = new JetStreamSource({ servers: world.url, stream, tail: false, partitions: 3 })
    const shares: string[][] = []
    for (const part of source.listParts()) {
      const opened = await source.buildPart('flow.in', part, null)
      // A message's text is its number, which names its subject.
      shares.push((await gather(opened)).map((text) => `k${Number(text) % 5}`))
      await opened.close()
    }
    expect(shares.flat()).to.have.lengthOf(60)
    const distinct = shares.map((subjects) => new Set(subjects).size)
    expect(distinct.reduce((sum, size) => sum + size, 0)).to.equal(5)
    const lists = [`${stream}.k0`, `${stream}.k1`]
    expect(await read({ stream, partitions: lists })).to.have.lengthOf(24)
  })

  it('begins where it is told: at the end, or at a time', async () => {
    const stream = await world.stream(numbered(10))
    expect(await read({ stream, start: 'latest' })).to.deep.equal([])
    const { time } = await world.manager.streams.getMessage(stream, { seq: 1 })
    expect(await read({ stream, start: time.getTime() - 1000 })).to.have.lengthOf(10)
    expect(await read({ stream, start: Date.now() + 60_000 })).to.deep.equal([])
  })

  it('holds no more than it may, whatever there is', async () => {
    const stream = await world.stream(numbered(500))
    expect(await read({ stream, batchSize: 7, prefetch: 9 })).to.deep.equal(
      numbered(500).map(([, text]) => text),
    )
  })

  it('tails, through a server that is killed and comes back', async () => {
    const own = await NatsWorld.make()
    const stream = await own.stream(numbered(30))
    const seen: string[] = []
    let reading = (): void => {}
    const reads = new Promise<void>((resolve) => {
      reading = resolve
    })
    let heardLast = (): void => {}
    const all = new Promise<void>((resolve) => {
      heardLast = resolve
    })
    const flow = dataflow('tails')
    flow
      .input('in', new JetStreamSource({ servers: own.url, stream }))
      .pipe(
        map('text', (item) => {
          const text = textOf(item)
          seen.push(text)
          reading()
          if (text === 'last') heardLast()
          return text
        }),
      )
      .output('out', new TestingSink<string>())
    const execution = start(flow, { logger: silent })
    await reads
    await own.server.down('SIGKILL')
    await own.server.up()
    await own.back()
    await own.connection.jetstream().publish(`${stream}.k0`, 'last')
    await all
    await execution.stop()
    expect(seen).to.deep.equal([...numbered(30).map(([, text]) => text), 'last'])
    await own.remove()
  })

  it('resumes behind the last epoch that was committed', async () => {
    const stream = await world.stream(numbered(100))
    const store = new MemoryStore()
    const out: string[] = []
    let strikes = 0
    const once = async (): Promise<unknown> => {
      const flow = dataflow('resumes')
      flow
        .input(
          'in',
          new JetStreamSource({ servers: world.url, stream, tail: false, batchSize: 10 }),
        )
        .pipe(
          map('abort', (item) => {
            strikes += 1
            if (strikes === 55) throw new AbortExecution()
            return textOf(item)
          }),
        )
        .output('out', new TestingSink(out))
      return failureOf(run(flow, { recovery: store, epochInterval: 0, logger: silent }))
    }
    expect(await once())
      .to.have.property('cause')
      .that.is.instanceOf(AbortExecution)
    expect(await once()).to.equal(null)
    expect([...new Set(out)]).to.deep.equal(numbered(100).map(([, text]) => text))
  })

  it('takes a message off a work queue when its epoch is committed, and not before', async () => {
    const stream = await world.stream(numbered(50), { retention: 'workqueue' })
    const left = async () => (await world.manager.streams.info(stream)).state.messages
    const source = new JetStreamSource({ servers: world.url, stream, tail: false })
    const first = await source.buildPart('flow.in', stream, null)
    expect(await gather(first)).to.have.lengthOf(50)
    expect(await left()).to.equal(50)
    await first.close()
    const store = new MemoryStore()
    const out = new TestingSink<string>()
    const flow = dataflow('queue')
    flow.input('in', source).pipe(map('text', textOf)).output('out', out)
    await run(flow, { recovery: store, logger: silent })
    expect(out.items).to.have.lengthOf(50)
    await world.connection.flush()
    expect(await left()).to.equal(0)
  })

  it('drops what a work queue gives again after its epoch was committed', async () => {
    const stream = await world.stream(numbered(20), { retention: 'workqueue' })
    const source = new JetStreamSource({ servers: world.url, stream, tail: false, batchSize: 1 })
    const first = await source.buildPart('flow.in', stream, null)
    await gather(first, 8)
    const position = first.snapshot()
    expect(position.sequence).to.equal(8)
    await first.close()
    const next = await source.buildPart('flow.in', stream, position)
    expect(await gather(next, 2)).to.deep.equal(['8', '9'])
    const left = async () => (await world.manager.streams.info(stream)).state.messages
    let count = await left()
    while (count > 12) count = await left()
    expect(count).to.equal(12)
    await next.close()
  })

  it('puts out who read the work queue before it', async () => {
    const stream = await world.stream([], { retention: 'workqueue' })
    const source = new JetStreamSource({ servers: world.url, stream })
    const zombie = await source.buildPart('flow.in', stream, null)
    const pending = failureOf(Promise.resolve(zombie.nextBatch()))
    const heir = await source.buildPart('flow.in', stream, null)
    expect(String(await pending)).to.include('read by somebody else')
    await zombie.close()
    await heir.close()
  })

  it('gives the alarm when the stream has lost what was read', async () => {
    const stream = await world.stream(numbered(5))
    const source = new JetStreamSource({ servers: world.url, stream, tail: false })
    const { created } = await world.manager.streams.info(stream).then(({ created }) => ({
      created: String(created),
    }))
    const position = { sequence: 9, timestamp: 1, created }
    const back = await failureOf(source.buildPart('flow.in', stream, position))
    expect(back).to.be.instanceOf(ConnectorError)
    expect(String(back)).to.include('went back to sequence 5, though 9 was read')
    const other = await failureOf(source.buildPart('flow.in', stream, { ...position, sequence: 4 }))
    expect(String(other)).to.include('another message at sequence 4')
    const anew = await failureOf(
      source.buildPart('flow.in', stream, { ...position, created: '2020-01-01T00:00:00Z' }),
    )
    expect(String(anew)).to.include('was made anew')
  })

  it('tells of messages that were dropped unread, unless told to skip them', async () => {
    const stream = await world.stream(numbered(5))
    const source = new JetStreamSource({ servers: world.url, stream, tail: false, batchSize: 1 })
    const part = await source.buildPart('flow.in', stream, null)
    await gather(part, 2)
    const position = part.snapshot()
    await part.close()
    await world.manager.streams.purge(stream, { seq: 5 })
    expect(String(await failureOf(source.buildPart('flow.in', stream, position)))).to.include(
      'dropped messages 3 to 4',
    )
    const skipping = new JetStreamSource({
      servers: world.url,
      stream,
      tail: false,
      missing: 'skip',
    })
    const skipped = await skipping.buildPart('flow.in', stream, position)
    expect(await gather(skipped)).to.deep.equal(['4'])
    await skipped.close()
  })

  it('says what is missing: a server, JetStream, the stream', async () => {
    const bare = await LocalNats.start({ jetstream: false })
    const open = (servers: string, stream = 'NONE') =>
      failureOf(new JetStreamSource({ servers, stream }).buildPart('flow.in', stream, null))
    expect(String(await open(bare.url))).to.include('without JetStream')
    await bare.stop()
    const away = await open(bare.url)
    expect(String(away)).to.include(`No NATS server can be used at ${bare.url}`)
    expect(away).to.include({ retryable: true })
    const wrong = await open(world.url)
    expect(wrong).to.be.instanceOf(ConnectorError).and.to.include({ retryable: false })
    expect(String(wrong)).to.include('There is no JetStream stream "NONE"')
    const interest = await world.stream([], { retention: 'interest' })
    expect(String(await open(world.url, interest))).to.include('retention "interest"')
  })

  if (NatsWorld.missing) return
  describeSource('JetStreamSource', async () => {
    const stream = await world.stream(numbered(12))
    const source = new JetStreamSource({ servers: world.url, stream, tail: false, batchSize: 5 })
    const part = await source.buildPart('flow.in', stream, null)
    const items: JetStreamItem[] = []
    for (let batch = await pollNextBatch(part); Array.isArray(batch); ) {
      items.push(...batch)
      batch = await pollNextBatch(part)
    }
    await part.close()
    const fail = async (): Promise<void> => {
      await world.manager.streams.delete(stream)
    }
    return { source, items, fail }
  })
})
