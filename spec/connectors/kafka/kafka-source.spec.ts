import { expect } from 'chai'
import {
  AbortExecution,
  BuildError,
  ConnectorError,
  dataflow,
  run,
  type StatefulSourcePartition,
  start,
} from 'tidemark'
import {
  type KafkaInputError,
  type KafkaMessage,
  type KafkaPosition,
  KafkaSource,
  type KafkaSourceOptions,
  kafkaInput,
} from 'tidemark/connectors/kafka'
import { map } from 'tidemark/operators'
import { describeSource, MemoryStore, pollNextBatch, TestingSink } from 'tidemark/testing'
import { KafkaWorld, record } from '../../support/kafka-world.ts'

const textOf = ({ value }: KafkaMessage): string => value?.toString() ?? ''
const numbers = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => String(at))
const silent = { info: () => {}, warn: () => {}, error: () => {} }

const failureOf = (doing: Promise<unknown>): Promise<unknown> =>
  doing.then(
    () => null,
    (error: unknown) => error,
  )

/** As many items as are asked for, or all to the end. */
const gather = async (
  part: StatefulSourcePartition<KafkaMessage, KafkaPosition>,
  count = Number.POSITIVE_INFINITY,
): Promise<KafkaMessage[]> => {
  const items: KafkaMessage[] = []
  while (items.length < count) {
    const batch = await pollNextBatch(part)
    if (!Array.isArray(batch)) break
    items.push(...batch)
  }
  return items
}

describe('KafkaSource', () => {
  it('refuses brokers and topics that are no lists, and other options that make no sense', () => {
    const made = (options: object) => () =>
      new KafkaSource({ brokers: ['localhost'], topics: ['t'], ...options } as KafkaSourceOptions)
    expect(made({ brokers: 'localhost:9092' })).to.throw(BuildError, 'brokers must be a list')
    expect(made({ topics: 'orders' })).to.throw(BuildError, 'topics must be a list')
    expect(made({ topics: [] })).to.throw(BuildError, 'at least one')
    expect(made({ brokers: ['http://x'] })).to.throw(BuildError, '"host:port"')
    expect(made({ batchSize: 0 })).to.throw(BuildError, 'batchSize')
    expect(made({ client: { sasl: { mechanism: 'md5' } } })).to.throw(BuildError, 'mechanism')
  })
})

describe(KafkaWorld.titled('KafkaSource at a broker'), () => {
  let world: KafkaWorld

  before(async function () {
    if (KafkaWorld.missing) return this.skip()
    world = await KafkaWorld.shared()
  })

  after(() => world?.remove())

  const newSource = (topics: readonly string[], options: Partial<KafkaSourceOptions> = {}) =>
    new KafkaSource({ brokers: world.brokers, topics, tail: false, ...options })

  const read = async (
    topics: readonly string[],
    options: Partial<KafkaSourceOptions> = {},
  ): Promise<readonly string[]> => {
    const out = new TestingSink<string>()
    const flow = dataflow('read')
    flow.input('in', newSource(topics, options)).pipe(map('text', textOf)).output('out', out)
    await run(flow, { logger: silent })
    return out.items
  }

  it('gives key, bytes, headers, place and time of each message', async () => {
    const topic = await world.topic()
    const bytes = Buffer.from([0, 255])
    await world.send({
      topic,
      partition: 0,
      records: [{ key: bytes, value: null, timestamp: 1234, headers: [['a', bytes]] }],
    })
    const out = new TestingSink<KafkaMessage>()
    const flow = dataflow('facts')
    flow.input('in', newSource([topic])).output('out', out)
    await run(flow)
    const headers = { a: bytes }
    const place = { topic, partition: 0, offset: 0n }
    expect(out.items).to.deep.equal([
      { key: bytes, value: null, headers, timestamp: 1234, ...place },
    ])
  })

  it('reads topics to their end, every partition', async () => {
    const topics = [await world.topic(3), await world.topic(3)]
    for (const topic of topics) {
      for (const partition of [0, 1, 2]) {
        await world.write(topic, [`${topic}/${partition}`], partition)
      }
    }
    const all = topics.flatMap((topic) => [0, 1, 2].map((partition) => `${topic}/${partition}`))
    expect([...(await read(topics))].sort()).to.deep.equal(all.sort())
    expect(await read([await world.topic()])).to.deep.equal([])
  })

  it('reads on behind the offset of its position', async () => {
    const topic = await world.topic()
    await world.write(topic, ['a', 'b', 'c'])
    const source = newSource([topic], { batchSize: 1 })
    const first = await source.buildPart('flow.in', `0-${topic}`, null)
    await gather(first, 2)
    const position = first.snapshot()
    await gather(first, 1)
    await first.close()
    const next = await source.buildPart('flow.in', `0-${topic}`, position)
    expect(next.snapshot()).to.deep.equal(position)
    expect((await gather(next)).map(textOf)).to.deep.equal(['c'])
    await next.close()
  })

  it('begins where it is told: at the end, or at a time', async () => {
    const topic = await world.topic()
    const records = [10, 20, 30].map((timestamp) => ({ ...record(`${timestamp}`), timestamp }))
    await world.send({ topic, partition: 0, records })
    expect(await read([topic], { startingOffset: 'latest' })).to.deep.equal([])
    expect(await read([topic], { startingOffset: 15 })).to.deep.equal(['20', '30'])
  })

  it('passes over what was not committed, and ends behind it', async () => {
    const topic = await world.topic()
    await world.write(topic, ['a'])
    const open = await world.openTransaction(topic, 'never')
    await world.write(topic, ['b'])
    expect(await read([topic])).to.deep.equal(['a'])
    await open.abort()
    // The broker answers before the abort stands in the partition.
    let seen = await read([topic])
    while (seen.length === 1) seen = await read([topic])
    expect(seen).to.deep.equal(['a', 'b'])
  })

  it('names a topic that is not there, and a broker that can not be reached', async () => {
    const missing = await failureOf(read(['nowhere']))
    expect(String(missing)).to.include('There is no topic "nowhere"')
    const away = new KafkaSource({ brokers: ['127.0.0.1:1'], topics: ['t'] })
    expect(String(await failureOf(away.listParts()))).to.include('No Kafka broker can be used')
  })

  it('gives the alarm for a topic that was made anew, or has lost what was read', async () => {
    const topic = await world.topic()
    await world.write(topic, ['a', 'b'])
    const source = newSource([topic])
    const part = `0-${topic}`
    const facts = (await world.cluster.topics([topic])).get(topic)
    const at = (offset: bigint, topicId = facts?.id ?? '') =>
      failureOf(source.buildPart('flow.in', part, { offset, topicId }))
    expect(String(await at(9n))).to.include('went back to offset 2, though everything before 9')
    expect(String(await at(1n, 'f'.repeat(32)))).to.include('was made anew')
  })

  it('tells of messages that were dropped unread, or skips them, or gives the error', async () => {
    const topic = await world.topic()
    await world.write(topic, numbers(10))
    const source = newSource([topic], { batchSize: 1 })
    const facts = (await world.cluster.topics([topic])).get(topic)
    await world.dropBefore(topic, 0, 5n)
    const position = { offset: 2n, topicId: facts?.id ?? '' }
    const opened = await source.buildPart('flow.in', `0-${topic}`, position)
    const failure = await failureOf(gather(opened))
    expect(failure).to.be.instanceOf(ConnectorError)
    expect(String(failure)).to.include('dropped messages 2 to 4')
    await opened.close()
    const skipping = newSource([topic], { missing: 'skip' })
    const skipped = await skipping.buildPart('flow.in', `0-${topic}`, position)
    expect((await gather(skipped)).map(textOf)).to.deep.equal(numbers(10).slice(5))
    await skipped.close()
    const telling = new KafkaSource<KafkaMessage | KafkaInputError>({
      brokers: world.brokers,
      topics: [topic],
      tail: false,
      raiseOnErrors: false,
    })
    const told = await telling.buildPart('flow.in', `0-${topic}`, position)
    const [first] = (await pollNextBatch(told)) as readonly KafkaInputError[]
    expect(first).to.include({ topic, partition: 0, offset: 2n, kafkaCode: 1 })
    await told.close()
  })

  it('gives on a second stream what can not be read, with its bytes, and goes on behind it', async () => {
    const topic = await world.topic()
    await world.write(topic, ['a'])
    const broken = await world.writeBroken(topic)
    await world.write(topic, ['b'])
    const oks = new TestingSink<string>()
    const errs = new TestingSink<KafkaInputError>()
    const flow = dataflow('errors')
    const out = kafkaInput('in', flow, { brokers: world.brokers, topics: [topic], tail: false })
    out.oks.pipe(map('text', textOf)).output('oks', oks)
    out.errs.output('errs', errs)
    await run(flow, { logger: silent })
    expect(oks.items).to.deep.equal(['a', 'b'])
    expect(errs.items).to.have.lengthOf(1)
    expect(errs.items[0]?.bytes?.includes(broken)).to.equal(true)
    const failure = String(await failureOf(read([topic])))
    expect(failure).to.include("can't be read").and.include('offset 1')
  })

  it('finds partitions that are added while it runs, and says how far it is behind', async () => {
    const topic = await world.topic()
    await world.write(topic, ['a'])
    const seen: string[] = []
    let hear = (): void => {}
    const heard = (count: number): Promise<void> =>
      new Promise((resolve) => {
        hear = () => seen.length >= count && resolve()
        hear()
      })
    const flow = dataflow('grows')
    flow
      .input('in', newSource([topic], { tail: true, startingOffset: 'latest', discoverEvery: 50 }))
      .pipe(
        map('see', (message) => {
          seen.push(textOf(message))
          hear()
          return message.offset
        }),
      )
      .output('out', new TestingSink<bigint>())
    const execution = start(flow, { logger: silent, epochInterval: 20 })
    await world.addPartitions(topic, 2)
    await world.write(topic, ['b'], 1)
    await heard(1)
    await execution.stop()
    expect(seen).to.deep.equal(['b'])
    const lagging = await newSource([topic], { batchSize: 1 }).buildPart('in', `0-${topic}`, null)
    expect(lagging.lag?.()).to.equal(null)
    await gather(lagging)
    expect(lagging.lag?.()).to.equal(0)
    await lagging.close()
  })

  it('resumes behind the last epoch that was committed', async () => {
    const topic = await world.topic()
    await world.write(topic, numbers(100))
    const store = new MemoryStore()
    const out: string[] = []
    let strikes = 0
    const once = async (): Promise<unknown> => {
      const flow = dataflow('resumes')
      flow
        .input('in', newSource([topic], { batchSize: 10 }))
        .pipe(
          map('abort', (message) => {
            strikes += 1
            if (strikes === 55) throw new AbortExecution()
            return textOf(message)
          }),
        )
        .output('out', new TestingSink(out))
      return failureOf(run(flow, { recovery: store, epochInterval: 0, logger: silent }))
    }
    expect(await once())
      .to.have.property('cause')
      .that.is.instanceOf(AbortExecution)
    expect(await once()).to.equal(null)
    expect([...new Set(out)]).to.deep.equal(numbers(100))
  })

  if (KafkaWorld.missing) return
  describeSource('KafkaSource', async () => {
    const topic = await world.topic()
    await world.write(topic, numbers(12))
    const source = newSource([topic], { batchSize: 5 })
    const part = await source.buildPart('flow.in', `0-${topic}`, null)
    const items = await gather(part)
    await part.close()
    return { source, items }
  })
})
