import { expect } from 'chai'
import { BuildError, ConnectorError, dataflow, run, start, systemRuntime } from 'tidemark'
import {
  type KafkaItem,
  type KafkaMessage,
  KafkaSink,
  type KafkaSinkOptions,
  KafkaSource,
} from 'tidemark/connectors/kafka'
import { map } from 'tidemark/operators'
import {
  describeSink,
  describeWriteAheadSink,
  MemoryStore,
  TestingSink,
  TestingSource,
} from 'tidemark/testing'
import type { KafkaCluster } from '../../../connectors/kafka/cluster.ts'
import { MarkerLog } from '../../../connectors/kafka/marker-log.ts'
import { Folder } from '../../support/folder.ts'
import { KafkaWorld, record } from '../../support/kafka-world.ts'
import { expectUndisturbed } from '../../support/killed-flow.ts'
import { PROGRAM } from './killed-flow.ts'

/** For what a broker takes that was killed: milliseconds. */
const LONG_MS = 60_000
const silent = { info: () => {}, warn: () => {}, error: () => {} }
const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `m${at}`)

const failureOf = (doing: Promise<unknown>): Promise<unknown> =>
  doing.then(
    () => null,
    (error: unknown) => error,
  )

describe('KafkaSink', () => {
  it('refuses options that make no sense', () => {
    const made = (options: object) => () =>
      new KafkaSink({ brokers: ['localhost'], ...options } as KafkaSinkOptions)
    expect(made({ brokers: 'localhost' })).to.throw(BuildError, 'brokers must be a list')
    expect(made({ compression: 'rar' })).to.throw(BuildError, 'compression')
    expect(made({ topic: '' })).to.throw(BuildError, 'topic')
    expect(made({ stageBytes: 0, transactional: true })).to.throw(BuildError, 'stageBytes')
  })
})

describe(KafkaWorld.titled('KafkaSink at a broker'), function () {
  this.timeout(240_000)
  const folder = new Folder()
  let world: KafkaWorld

  before(async function () {
    if (KafkaWorld.missing) return this.skip()
    world = await KafkaWorld.shared()
  })

  after(() => world?.remove())
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const write = async (
    items: readonly KafkaItem[],
    options: Partial<KafkaSinkOptions> = {},
  ): Promise<void> => {
    const flow = dataflow('write')
    flow
      .input('in', new TestingSource([...items], { batchSize: 100 }))
      .output('out', new KafkaSink({ brokers: world.brokers, ...options }))
    await run(flow, { logger: silent })
  }

  const newSlot = async (
    execution: number,
    options: Pick<KafkaSinkOptions, 'topic' | 'prefix' | 'markers'>,
  ) => {
    const brokers = world.brokers
    const sink = new KafkaSink({ ...options, brokers, transactional: true })
    sink.useRun?.({ recovery: true, runtime: systemRuntime })
    const slot = await sink.build('flow.out', '0', { execution })
    try {
      await world.again(async () => slot.fence(execution))
    } catch (error) {
      await slot.close()
      throw error
    }
    return slot
  }

  const messages = (...values: readonly string[]) => values.map((value) => ({ value }))

  it('writes messages that can be read back: bytes, text, null, headers, time, partition', async () => {
    const topic = await world.topic(3)
    const bytes = Buffer.from([0, 255])
    await write(
      [
        { key: 'ä', value: bytes, partition: 2, headers: { a: 'b' }, timestamp: 77 },
        { key: null, value: null, partition: 2, topic },
        ['key', { value: 'of a keyed stream', partition: 2 }],
      ],
      { topic },
    )
    const out = new TestingSink<KafkaMessage>()
    const flow = dataflow('back')
    flow
      .input('in', new KafkaSource({ brokers: world.brokers, topics: [topic], tail: false }))
      .output('out', out)
    await run(flow)
    const [first, second, third] = out.items
    expect(first).to.deep.include({ key: Buffer.from('ä'), value: bytes, timestamp: 77 })
    expect(first?.headers).to.deep.equal({ a: Buffer.from('b') })
    expect(second).to.deep.include({ key: null, value: null, partition: 2 })
    expect(Math.abs((second?.timestamp ?? 0) - Date.now())).to.be.lessThan(60_000)
    expect(third?.value?.toString()).to.equal('of a keyed stream')
  })

  it('sends a message that was read where it is told, not where it came from', async () => {
    const [from, to] = [await world.topic(), await world.topic()]
    await world.write(from, ['a'])
    const flow = dataflow('copy')
    flow
      .input('in', new KafkaSource({ brokers: world.brokers, topics: [from], tail: false }))
      .output('out', new KafkaSink({ brokers: world.brokers, topic: to }))
    await run(flow)
    expect(await world.values(from)).to.deep.equal(['a'])
    expect(await world.values(to)).to.deep.equal(['a'])
  })

  it('sends a key always to the partition that other clients send it to', async () => {
    const topic = await world.topic(5)
    const items = many(40).map((value, at) => ({ key: ['21', 'foobar'][at % 2] ?? '', value }))
    await write(items, { topic, compression: 'snappy' })
    const held = await world.held(topic)
    // By murmur2 of Kafka's own test vectors: -973932308 and -790332482.
    const places = {
      '21': (-973_932_308 & 0x7fffffff) % 5,
      foobar: (-790_332_482 & 0x7fffffff) % 5,
    }
    for (const { key, partition } of held) expect(places).to.have.property(key ?? '', partition)
    expect(held).to.have.lengthOf(40)
  })

  it('names a partition or a topic that is not there, a message without one, and one too large', async () => {
    const topic = await world.topic(2)
    const refusal = async (item: object, options: Partial<KafkaSinkOptions> = { topic }) =>
      String(await failureOf(write([item as KafkaItem], options)))
    const transactional = { topic, transactional: true }
    const unknown = 'is for partition 2 of topic'
    expect(await refusal({ value: 'x', partition: 2 })).to.include(unknown)
    expect(await refusal({ value: 'x', partition: 2 }, transactional)).to.include(unknown)
    expect(await refusal({ value: 'x', topic: 'nowhere' })).to.include(
      'There is no topic "nowhere"',
    )
    expect(await refusal({ value: 'x' }, {})).to.include('has no topic')
    expect(await refusal({ value: 7 })).to.include('bytes, text or null; got number')
    expect(await refusal({ value: 'x'.repeat(2_000_000) })).to.include('MESSAGE_TOO_LARGE')
  })

  it('shuts an older execution out, and takes an epoch once', async () => {
    const topic = await world.topic()
    const prefix = world.name()
    const old = await newSlot(1, { topic, prefix })
    expect(await old.delivered()).to.equal(null)
    await old.deliver(4, messages('a', 'b'))
    const heir = await newSlot(2, { topic, prefix })
    expect(await heir.delivered()).to.equal(4)
    await heir.deliver(4, messages('x'))
    await failureOf(Promise.resolve(old.deliver(5, messages('late'))))
    for (let tries = 0; tries < 2; tries += 1) {
      const late = await failureOf(Promise.resolve(old.delivered()))
      expect(late).to.be.instanceOf(ConnectorError).and.to.include({ retryable: false })
      expect(String(late)).to.include('by a later execution')
    }
    expect(String(await failureOf(newSlot(1, { topic, prefix })))).to.include(
      'by a later execution',
    )
    await heir.deliver(5, messages('c'))
    await old.close()
    await heir.close()
    expect(await world.values(topic)).to.deep.equal(['a', 'b', 'c'])
  })

  it('settles what an execution left open that was killed', async () => {
    const topic = await world.topic()
    const prefix = world.name()
    const first = await newSlot(1, { topic, prefix })
    await first.deliver(1, messages('a'))
    const killed = Date.now()
    await world.leaveOpen(`${prefix}.flow.out.0`, [topic, 'tidemark-markers'], 'half')
    const heir = await newSlot(2, { topic, prefix })
    // The brokers would take it back by themselves, but only after a minute.
    expect(Date.now() - killed).to.be.lessThan(30_000)
    expect(await heir.delivered()).to.equal(1)
    await heir.deliver(2, messages('b'))
    await first.close()
    await heir.close()
    expect(await world.values(topic)).to.deep.equal(['a', 'b'])
  })

  for (const [end, epoch] of [
    ['committed', 2],
    ['taken back', 1],
  ] as const) {
    it(`is not stopped by a transaction that was ${end} and stays open: Kafka forgot to tell its end`, async () => {
      const [topic, prefix, markers] = [await world.topic(), world.name(), world.name()]
      const old = await newSlot(1, { topic, prefix, markers })
      await old.deliver(1, messages('a'))
      await old.close()
      const marker = record('{"execution":1,"epoch":2}', `${prefix}.flow.out/0`)
      const write = { topic: markers, partition: 0, records: [marker] }
      await world.leaveForgotten(`${prefix}.flow.out.0`, [write], end === 'committed')
      expect(await world.cluster.openTransactions(write)).to.have.lengthOf(1)
      const heir = await newSlot(2, { topic, prefix, markers })
      expect(await heir.delivered()).to.equal(epoch)
      await heir.close()
      expect(await world.cluster.openTransactions(write)).to.deep.equal([])
    })
  }

  it('makes the topic of its markers, however late the brokers hear of it', async () => {
    const { cluster } = world
    let looks = 0
    const late: KafkaCluster = {
      topics: async (names) => {
        looks += 1
        return looks > 5 ? cluster.topics(names) : new Map()
      },
      createTopic: (name, config) => cluster.createTopic(name, config),
      offsetAt: (where, at) => cluster.offsetAt(where, at),
      leaderOf: (where) => cluster.leaderOf(where),
      fetch: (leader, wanted, options) => cluster.fetch(leader, wanted, options),
      openTransactions: (where) => cluster.openTransactions(where),
      producer: (options) => cluster.producer(options),
      transactions: (id, options) => cluster.transactions(id, options),
      close: async () => {},
    }
    const markers = new MarkerLog(late, world.name())
    const first = await failureOf(markers.read('flow.out/0'))
    expect(first).to.be.instanceOf(ConnectorError).and.to.include({ retryable: true })
    expect(await world.again(() => markers.read('flow.out/0'))).to.equal(null)
  })

  it('begins anew in each run that keeps nothing', async () => {
    const topic = await world.topic()
    const options = { topic, transactional: true }
    await write(messages('a'), options)
    await write(messages('b'), options)
    expect(await world.values(topic)).to.deep.equal(['a', 'b'])
  })

  it('writes and reads through a broker that is killed at load and comes back @long', async () => {
    const own = await KafkaWorld.make()
    const told: string[] = []
    const tell = ({ err = '' }: { readonly err?: unknown }, message: string): void => {
      told.push(`${message} ${err}`)
    }
    const ends = new AbortController()
    /** What takes too long is ended here: flows that live on would keep the specs' process. */
    const inTime = async <T>(what: string, waited: Promise<T>): Promise<T> => {
      const late = new Promise<never>((_, reject) => {
        const text = (): string =>
          `${what} takes more than ${LONG_MS} ms: ${told.slice(-5).join(' ')}`
        const timer = setTimeout(() => reject(new Error(text())), LONG_MS)
        waited.finally(() => clearTimeout(timer)).catch(() => {})
      })
      return Promise.race([waited, late])
    }
    try {
      const [from, plain, once] = [await own.topic(), await own.topic(), await own.topic()]
      const items = many(400)
      let count = 0
      let underWay = (): void => {}
      const busy = new Promise<void>((resolve) => {
        underWay = resolve
      })
      let allRead = (): void => {}
      const done = new Promise<void>((resolve) => {
        allRead = resolve
      })
      const { brokers } = own
      const writing = dataflow('writing')
      writing
        .input(
          'in',
          new TestingSource<string>(items.flatMap((item) => [item, TestingSource.PAUSE(5)])),
        )
        .pipe(map('message', (value) => ({ value })))
        .output('out', new KafkaSink({ brokers, topic: from }))
      const copying = dataflow('copying')
      const read = copying.input('in', new KafkaSource({ brokers, topics: [from] })).pipe(
        map('count', (message) => {
          count += 1
          if (count === 100) underWay()
          if (message.value?.toString() === items.at(-1)) allRead()
          return message
        }),
      )
      read.output('plain', new KafkaSink({ brokers, topic: plain }))
      read.output('once', new KafkaSink({ brokers, topic: once, transactional: true }))
      const logger = { info: tell, warn: tell, error: tell }
      const options = { epochInterval: 50, logger, signal: ends.signal }
      const copies = start(copying, { ...options, recovery: new MemoryStore() })
      copies.done.catch(() => {})
      const written = run(writing, options)
      written.catch(() => {})
      await inTime('the first quarter', busy)
      await inTime('the death of the broker', own.broker.kill())
      await inTime('its new life', own.broker.start())
      await inTime('writing', written)
      await inTime('reading', done)
      await inTime('the stop', copies.stop({ drain: true }))
      expect(await own.values(from)).to.deep.equal(items)
      expect(await own.values(plain)).to.deep.equal(items)
      expect(await own.values(once)).to.deep.equal(items)
    } finally {
      ends.abort()
      await own.remove()
    }
  })

  it('lets a flow that is told to stop end while the brokers stay away @long', async () => {
    const own = await KafkaWorld.make()
    const ends = new AbortController()
    try {
      const [plain, once] = [await own.topic(), await own.topic()]
      const { brokers } = own
      let count = 0
      let more = (): void => {}
      const read = (items: number): Promise<void> =>
        new Promise((resolve) => {
          more = () => count >= items && resolve()
        })
      const flow = dataflow('left')
      const feed = many(20_000).flatMap((item) => [item, TestingSource.PAUSE(5)])
      const items = flow.input('in', new TestingSource<string>(feed)).pipe(
        map('message', (value) => {
          count += 1
          more()
          return { value }
        }),
      )
      const client = { requestTimeout: 1000 }
      items.output('plain', new KafkaSink({ brokers, topic: plain, client }))
      items.output('once', new KafkaSink({ brokers, topic: once, client, transactional: true }))
      const options = { epochInterval: 50, logger: silent, signal: ends.signal }
      const written = failureOf(run(flow, { ...options, recovery: new MemoryStore() }))
      await read(20)
      await own.broker.kill()
      await read(count + 5)
      ends.abort()
      expect(String(await written)).to.include('told to stop, and the brokers were away')
    } finally {
      ends.abort()
      await own.remove()
    }
  })

  it('holds what a run makes that nobody disturbs, after kill -9 at any moment @long', async () => {
    const topic = await world.topic(3)
    await expectUndisturbed({
      program: PROGRAM,
      words: [world.broker.address, topic],
      dir: folder.file('store'),
      count: () => world.size(topic, 3),
      rows: async () => (await world.values(topic)).map((value) => JSON.parse(value ?? '')),
    })
  }).timeout(300_000)

  if (KafkaWorld.missing) return
  describeSink<KafkaItem>('KafkaSink', async () => {
    const topic = await world.topic()
    const sink = new KafkaSink({ brokers: world.brokers, topic, transactional: false })
    const items = messages('a', 'b', 'c', 'd')
    return {
      sink,
      items,
      written: async () => messages(...((await world.values(topic)) as string[])),
    }
  })

  describeWriteAheadSink<KafkaItem>('KafkaSink with transactional', async () => {
    const topic = await world.topic()
    // The contract asks once: a coordinator that is not up yet, or a new topic of markers, is for us.
    await (await newSlot(1, { topic, prefix: world.name() })).close()
    const options = { brokers: world.brokers, topic, prefix: world.name() }
    return {
      sink: () => new KafkaSink({ ...options, transactional: true }),
      items: messages('a', 'b', 'c', 'd'),
      written: async () => messages(...((await world.values(topic)) as string[])),
      refused: { value: 'x', partition: 7 },
    }
  })
})
