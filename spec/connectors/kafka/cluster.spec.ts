import { EventEmitter, once } from 'node:events'
import { expect } from 'chai'
import { dataflow, run, start } from 'tidemark'
import { KafkaSink, KafkaSource } from 'tidemark/connectors/kafka'
import { map } from 'tidemark/operators'
import { MemoryStore, TestingSource } from 'tidemark/testing'
import { type Held, KafkaWorld } from '../../support/kafka-world.ts'

const COUNT = 300
const KEYS = 7
const PARTITIONS = 3
const silent = { info: () => {}, warn: () => {}, error: () => {} }
const items = Array.from({ length: COUNT }, (_, at) => at)
const keyOf = (item: number): string => `k${item % KEYS}`

/** The values of each key, in order. */
const byKey = (held: readonly Held[]): Record<string, number[]> => {
  const keys: Record<string, number[]> = {}
  for (const { key, value } of held) {
    keys[String(key)] ??= []
    keys[String(key)]?.push(Number(value))
  }
  return keys
}

describe(KafkaWorld.titled('Kafka with several brokers'), () => {
  let own: KafkaWorld

  before(async function () {
    this.timeout(300_000)
    if (KafkaWorld.missing) return this.skip()
    own = await KafkaWorld.cluster(3)
  })

  after(() => own?.remove())

  it('tells a partition the end of a transaction that was committed while it had no leader @long', async () => {
    const id = own.name()
    const away = await own.brokerBeside(id)
    const topic = await own.topicAt(away)
    const where = { topic, partition: 0 }
    const producer = await own.leaveOpen(id, [topic], 'a')
    await away.kill()
    await own.leaderless(topic)
    await own.endTransaction(id, producer, true)
    await away.start()
    await own.ready(topic, 1)
    const options = { compression: 'none', timeout: 60_000, places: [where] } as const
    await own.again(() => own.cluster.transactions(id, options).begin())
    expect(await own.values(topic)).to.deep.equal(['a'])
  }).timeout(300_000)

  it('loses and doubles nothing when a leader is killed that is read and written, and stays away @long', async () => {
    const { brokers } = own
    const [from, plain] = [await own.topic(PARTITIONS), await own.topic(PARTITIONS)]
    const exact = await own.topic(PARTITIONS)
    const seen = new Set<string>()
    const heard = new EventEmitter()
    const underWay = once(heard, 'under way')
    const allRead = once(heard, 'all')
    const copying = dataflow('copying')
    const read = copying.input('in', new KafkaSource({ brokers, topics: [from] })).pipe(
      map('see', (message) => {
        seen.add(String(message.value))
        if (seen.size === COUNT / 3) heard.emit('under way')
        if (seen.size === COUNT) heard.emit('all')
        return message
      }),
    )
    read.output('plain', new KafkaSink({ brokers, topic: plain }))
    read.output('exact', new KafkaSink({ brokers, topic: exact, transactional: true }))
    // Each epoch of an outage is a transaction behind it.
    const options = { epochInterval: 200, logger: silent }
    const copies = start(copying, { ...options, recovery: new MemoryStore() })
    const writing = dataflow('writing')
    writing
      .input('in', new TestingSource(items.flatMap((item) => [item, TestingSource.PAUSE(5)])))
      .pipe(map('message', (item) => ({ key: keyOf(item), value: String(item) })))
      .output('out', new KafkaSink({ brokers, topic: from }))
    const written = run(writing, options)
    await underWay
    const leader = await own.leaderOf(from, 0)
    await leader.kill()
    await written
    await allRead
    await copies.stop({ drain: true })
    expect((await own.leaderOf(from, 0)).id).to.not.equal(leader.id)
    const whole = byKey(items.map((item) => ({ key: keyOf(item), value: `${item}`, partition: 0 })))
    for (const topic of [from, plain, exact]) {
      expect(byKey(await own.held(topic)), topic).to.deep.equal(whole)
    }
  }).timeout(300_000)
})
