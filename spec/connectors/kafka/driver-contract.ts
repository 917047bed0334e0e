import { expect } from 'chai'
import type { KafkaCluster, Wanted } from '../../../connectors/kafka/cluster.ts'
import { CODE, hasCode } from '../../../connectors/kafka/kafka-error.ts'
import { type KafkaWorld, record } from '../../support/kafka-world.ts'

/** What a client of Kafka has to keep to stand behind `KafkaCluster`. */
export const describeDriver = (
  name: string,
  ends: {
    readonly world: () => KafkaWorld
    readonly open: (world: KafkaWorld) => Promise<KafkaCluster>
  },
): void => {
  describe(`${name} keeps the contract of a Kafka driver`, () => {
    let world: KafkaWorld
    let cluster: KafkaCluster

    before(async () => {
      world = ends.world()
      cluster = await ends.open(world)
    })

    after(() => cluster?.close())

    const fetch = async (wanted: Wanted) => {
      const leader = await cluster.leaderOf(wanted)
      const [fetched] = await cluster.fetch(leader, [wanted], { maxWait: 100 })
      if (fetched === undefined) throw new Error('nothing was fetched')
      return fetched
    }

    /** Everything behind an offset, and where it ends; a transaction may be seen only a moment later. */
    const readAll = async (topic: string, partition = 0, from = 0n) => {
      const end = await cluster.offsetAt({ topic, partition }, 'end')
      const values: (string | undefined)[] = []
      let offset = from
      while (offset < end) {
        const fetched = await fetch({ topic, partition, offset, maxBytes: 100_000 })
        values.push(...fetched.records.map(({ value }) => value?.toString()))
        offset = fetched.next
      }
      return { values, offset }
    }

    const failureOf = (doing: Promise<unknown>): Promise<unknown> =>
      doing.then(
        () => null,
        (error: unknown) => error,
      )

    it('knows the partitions of topics, and which topics are not there', async () => {
      const topic = await world.topic(3)
      const found = await cluster.topics([topic, 'nowhere'])
      expect([...found.keys()]).to.deep.equal([topic])
      expect(found.get(topic)?.partitions).to.deep.equal([0, 1, 2])
    })

    it('tells a topic from one that had its name before', async () => {
      const topic = await world.topic()
      const other = await world.topic()
      const found = await cluster.topics([topic, other])
      expect(found.get(topic)?.id).to.not.equal(found.get(other)?.id)
    })

    it('makes a topic once', async () => {
      const name = world.name()
      await cluster.createTopic(name, { 'cleanup.policy': 'compact' })
      await cluster.createTopic(name, {})
      await world.ready(name, 1)
      expect((await cluster.topics([name])).get(name)?.partitions).to.deep.equal([0])
    })

    it('gives bytes, headers and times back as they were written', async () => {
      const topic = await world.topic()
      const bytes = Buffer.from([0, 255, 254, 10])
      const records = [
        { key: bytes, value: bytes, timestamp: 123, headers: [['h', bytes]] as const },
        { key: null, value: null, timestamp: 7, headers: [] },
        { key: Buffer.alloc(0), value: Buffer.from('ä'), timestamp: 9, headers: [] },
      ]
      const producer = cluster.producer({ compression: 'none' })
      await producer.send({ topic, partition: 0, records })
      const fetched = await fetch({ topic, partition: 0, offset: 0n, maxBytes: 1000 })
      expect(fetched.records).to.deep.equal(
        records.map((each, at) => ({ ...each, offset: BigInt(at) })),
      )
      expect(fetched).to.include({ next: 3n, end: 3n, unreadable: null, error: null })
    })

    it('packs and unpacks batches', async () => {
      const values = Array.from(
        { length: 500 },
        (_, at) => `value ${at % 7} ${'x'.repeat(at % 90)}`,
      )
      for (const compression of ['gzip', 'snappy', 'lz4'] as const) {
        const topic = await world.topic()
        const records = values.map((value) => record(value))
        await cluster.producer({ compression }).send({ topic, partition: 0, records })
        expect((await readAll(topic)).values, compression).to.deep.equal(values)
      }
    })

    it('begins at any offset, inside a batch too', async () => {
      const topic = await world.topic()
      await world.write(topic, ['a', 'b', 'c', 'd'])
      expect((await readAll(topic, 0, 2n)).values).to.deep.equal(['c', 'd'])
      const beyond = await fetch({ topic, partition: 0, offset: 9n, maxBytes: 1000 })
      expect(hasCode(beyond.error, CODE.offsetOutOfRange)).to.equal(true)
    })

    it('finds the offsets of ends and of times', async () => {
      const topic = await world.topic()
      const where = { topic, partition: 0 }
      const records = [10, 20, 30].map((timestamp) => ({ ...record('x'), timestamp }))
      await world.send({ ...where, records })
      expect(await cluster.offsetAt(where, 'earliest')).to.equal(0n)
      expect(await cluster.offsetAt(where, 'latest')).to.equal(3n)
      expect(await cluster.offsetAt(where, 15)).to.equal(1n)
      expect(await cluster.offsetAt(where, 31)).to.equal(3n)
    })

    it('refuses a partition that is not there, reading and writing', async () => {
      const topic = await world.topic()
      const where = { topic, partition: 5 }
      const producer = cluster.producer({ compression: 'none' })
      const written = await failureOf(producer.send({ ...where, records: [record('x')] }))
      expect(hasCode(written, CODE.unknownTopicOrPartition)).to.equal(true)
      const read = await failureOf(cluster.offsetAt(where, 'earliest'))
      expect(hasCode(read, CODE.unknownTopicOrPartition)).to.equal(true)
    })

    it('stores a write of any size whole, in order', async () => {
      const topic = await world.topic()
      const values = Array.from({ length: 30 }, (_, at) => `${at} ${'x'.repeat(100_000)}`)
      const records = values.map((value) => record(value))
      await cluster.producer({ compression: 'none' }).send({ topic, partition: 0, records })
      expect((await readAll(topic)).values).to.deep.equal(values)
    })

    it('shows a transaction whole once it is committed, and never one that was taken back', async () => {
      const topic = await world.topic(2)
      const name = world.name()
      const old = cluster.transactions(name, { compression: 'none', timeout: 10_000 })
      await world.again(() => old.begin())
      await old.commit([
        { topic, partition: 0, records: [record('a'), record('b')] },
        { topic, partition: 1, records: [record('c')] },
      ])
      const tooLarge = record(Buffer.alloc(3_000_000))
      const failed = await failureOf(
        old.commit([
          { topic, partition: 0, records: [record('lost')] },
          { topic, partition: 1, records: [tooLarge] },
        ]),
      )
      expect(hasCode(failed, CODE.messageTooLarge)).to.equal(true)
      await old.commit([{ topic, partition: 0, records: [record('d')] }])
      await world.write(topic, ['after'], 0)
      expect((await readAll(topic, 0)).values).to.deep.equal(['a', 'b', 'd', 'after'])
      expect((await readAll(topic, 1)).values).to.deep.equal(['c'])
    })

    it('shuts out who had a transactional id before', async () => {
      const topic = await world.topic()
      const name = world.name()
      const options = { compression: 'none', timeout: 10_000 } as const
      const zombie = cluster.transactions(name, options)
      await world.again(() => zombie.begin())
      await zombie.commit([{ topic, partition: 0, records: [record('a')] }])
      const heir = cluster.transactions(name, options)
      await heir.begin()
      const late = [{ topic, partition: 0, records: [record('late')] }]
      await failureOf(zombie.commit(late))
      for (let tries = 0; tries < 2; tries += 1) {
        const settled = await failureOf(zombie.settle())
        expect(hasCode(settled, CODE.producerFenced)).to.equal(true)
      }
      await heir.commit([{ topic, partition: 0, records: [record('b')] }])
      expect((await readAll(topic)).values).to.deep.equal(['a', 'b'])
    })

    it('ends what its last transaction wrote to, where nobody told the partition how it ended', async () => {
      for (const committed of [true, false]) {
        const topic = await world.topic()
        const name = world.name()
        const write = (value: string) => ({ topic, partition: 0, records: [record(value)] })
        const transactions = cluster.transactions(name, { compression: 'none', timeout: 10_000 })
        await world.again(() => transactions.begin())
        await transactions.commit([write('a')])
        await world.leaveForgotten(name, [write('b')], committed)
        await world.again(() => transactions.begin())
        await transactions.commit([write('c')])
        const values = committed ? ['a', 'b', 'c'] : ['a', 'c']
        expect((await readAll(topic)).values).to.deep.equal(values)
      }
    })

    it('gives nothing of a transaction that is open, or behind one', async () => {
      const topic = await world.topic()
      const open = await world.openTransaction(topic, 'hidden')
      await world.write(topic, ['behind'])
      const where = { topic, partition: 0 }
      expect(await cluster.offsetAt(where, 'latest')).to.equal(0n)
      expect(await cluster.offsetAt(where, 'end')).to.equal(2n)
      const fetched = await fetch({ ...where, offset: 0n, maxBytes: 1000 })
      expect(fetched).to.deep.include({ records: [], next: 0n, end: 0n })
      await open.abort()
      expect((await readAll(topic)).values).to.deep.equal(['behind'])
    })
  })
}
