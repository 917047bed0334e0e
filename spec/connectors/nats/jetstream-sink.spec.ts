import { expect } from 'chai'
import { ConnectorError, dataflow, run, systemRuntime } from 'tidemark'
import { JetStreamSink } from 'tidemark/connectors/nats'
import { MemoryStore, TestingSource } from 'tidemark/testing'
import { Folder } from '../../support/folder.ts'
import { expectUndisturbed } from '../../support/killed-flow.ts'
import { NatsWorld } from '../../support/nats-world.ts'
import { PROGRAM } from './killed-flow.ts'

const silent = { info: () => {}, warn: () => {}, error: () => {} }

describe(NatsWorld.titled('JetStreamSink'), () => {
  const folder = new Folder()
  let world: NatsWorld

  before(async function () {
    if (NatsWorld.missing) return this.skip()
    world = await NatsWorld.make()
  })

  after(() => world?.remove())
  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const failureOf = (doing: Promise<unknown>): Promise<unknown> =>
    doing.then(
      () => null,
      (error: unknown) => error,
    )

  const texts = async (stream: string): Promise<string[]> =>
    (await world.held(stream)).map(({ text }) => text)

  const newSlot = async (stream: string, execution: number, recovery = true) => {
    const sink = new JetStreamSink<string>({ servers: world.url, subject: `${stream}.out` })
    sink.useRun({ recovery, runtime: systemRuntime })
    const slot = await sink.build(`${stream}.out`, '0')
    await slot.fence(execution)
    return slot
  }

  const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `m${at}`)

  it('writes items in order: text, bytes and values of keyed ones as they are, others as JSON', async () => {
    const stream = await world.stream()
    const flow = dataflow('kinds')
    flow
      .input(
        'in',
        new TestingSource<unknown>(['ä', new Uint8Array([65]), { a: [1] }, ['key', 'value'], 7]),
      )
      .output(
        'out',
        new JetStreamSink({
          servers: world.url,
          subject: () => `${stream}.x`,
          headers: () => ({ Kind: 'any' }),
        }),
      )
    await run(flow)
    expect(await texts(stream)).to.deep.equal(['ä', 'A', '{"a":[1]}', 'value', '7'])
    const stored = await world.manager.streams.getMessage(stream, { seq: 1 })
    expect(stored.header.get('Kind')).to.equal('any')
  })

  it('shuts an older execution out, and takes an epoch once', async () => {
    const stream = await world.stream()
    const old = await newSlot(stream, 1)
    expect(await old.delivered()).to.equal(null)
    await old.deliver(4, ['a', 'b'])
    const heir = await newSlot(stream, 2)
    expect(await heir.delivered()).to.equal(4)
    await heir.deliver(4, ['x', 'y'])
    for (let tries = 0; tries < 2; tries += 1) {
      const late = await failureOf(old.deliver(5, ['c']))
      expect(late).to.be.instanceOf(ConnectorError).and.to.include({ retryable: false })
      expect(String(late)).to.include('by a later execution')
    }
    expect(String(await failureOf(old.fence(1)))).to.include('by a later execution')
    await heir.deliver(5, ['c'])
    await old.close()
    await heir.close()
    expect(await texts(stream)).to.deep.equal(['a', 'b', 'c'])
  })

  /** As a process leaves it that was killed when `stored` of an epoch's messages were. */
  const leaveBegun = async (stream: string, stored: readonly string[]): Promise<void> => {
    const jetstream = world.connection.jetstream()
    const { seq: base } = await jetstream.publish(`${stream}.other`, 'before')
    const kv = await jetstream.views.kv('tidemark_slots')
    const entry = { id: stream, execution: 1, epoch: 1, begun: { epoch: 2, base } }
    await kv.put(`${stream}=2e=out.0`, JSON.stringify(entry))
    for (const [at, text] of stored.entries()) {
      await jetstream.publish(`${stream}.out`, text, { msgID: `${stream}/2/${at}` })
      if (at % 100 === 7) await jetstream.publish(`${stream}.other`, 'between')
    }
    // A later id is forgotten after the ones before it.
    for (let forgotten = false, asked = 0; !forgotten; asked += 1) {
      const more = { msgID: `${stream}/probe` }
      const { duplicate } = await jetstream.publish(`${stream}.other`, '', more)
      forgotten = asked > 0 && !duplicate
    }
  }

  it('goes on behind what is stored of an epoch, though the server has forgotten its ids', async () => {
    const items = many(600)
    for (const count of [0, 1, 299, 600]) {
      const stream = await world.stream([], { duplicate_window: 100_000_000 })
      await leaveBegun(stream, items.slice(0, count))
      const heir = await newSlot(stream, 2)
      expect(await heir.delivered()).to.equal(1)
      await heir.deliver(2, items)
      expect(await heir.delivered()).to.equal(2)
      await heir.close()
      const held = (await world.held(stream)).filter(({ subject }) => subject.endsWith('.out'))
      expect(
        held.map(({ text }) => text),
        `${count} stored`,
      ).to.deep.equal(items)
    }
  })

  it('writes each once beside others who write the same stream', async () => {
    const stream = await world.stream()
    const slots = await Promise.all([newSlot(stream, 1), newSlot(stream, 1, false)])
    const jetstream = world.connection.jetstream()
    const foreign = async (): Promise<void> => {
      for (let at = 0; at < 300; at += 1) await jetstream.publish(`${stream}.foreign`, String(at))
    }
    await Promise.all([foreign(), ...slots.map((slot) => slot.deliver(1, many(1000)))])
    await Promise.all(slots.map((slot) => slot.close()))
    const held = (await world.held(stream)).filter(({ subject }) => subject.endsWith('.out'))
    const twice = [...many(1000), ...many(1000)].sort()
    expect(held.map(({ text }) => text).sort()).to.deep.equal(twice)
  })

  it('writes an epoch in batches that are seen whole, where the stream allows them', async () => {
    const atomic = world.allowsAtomic()
    const stream = await world.stream([], atomic ? { allow_atomic: true } : {})
    const old = await newSlot(stream, 1)
    await old.deliver(1, many(2300))
    await old.deliver(2, ['one'])
    const heir = await newSlot(stream, 2)
    await heir.deliver(3, ['two'])
    expect(String(await failureOf(old.deliver(3, ['late'])))).to.include('by a later execution')
    await old.close()
    await heir.close()
    expect(await texts(stream)).to.deep.equal([...many(2300), 'one', 'two'])
    // A server that has no such batches is given the same messages one by one.
    if (!atomic) return
    const stored = await world.manager.streams.getMessage(stream, { seq: 1 })
    expect(stored.header.get('Nats-Batch-Sequence')).to.equal('1')
  })

  it('waits out a server that is killed and comes back', async () => {
    const own = await NatsWorld.make()
    const stream = await own.stream()
    const items = many(60)
    const paced = items.flatMap((item) => [item, TestingSource.PAUSE(10)])
    const flow = dataflow('away')
    flow
      .input('in', new TestingSource<string>(paced))
      .output('out', new JetStreamSink<string>({ servers: own.url, subject: `${stream}.x` }))
    const first = run(flow, { recovery: new MemoryStore(), epochInterval: 20, logger: silent })
    await own.server.down('SIGKILL')
    await own.server.up()
    await first
    await own.back()
    expect((await own.held(stream)).map(({ text }) => text)).to.deep.equal(items)
    await own.remove()
  })

  it('says what is wrong: a subject without a stream, a queue, a message that is too large', async () => {
    const write = (subject: string, text = 'x') => {
      const flow = dataflow('wrong')
      flow
        .input('in', new TestingSource([text]))
        .output('out', new JetStreamSink({ servers: world.url, subject }))
      return failureOf(run(flow, { logger: silent }))
    }
    expect(String(await write('nobody.takes'))).to.include('No JetStream stream takes the subject')
    const queue = await world.stream([], { retention: 'workqueue' })
    expect(String(await write(`${queue}.x`))).to.include('retention "workqueue"')
    const stream = await world.stream()
    expect(String(await write(`${stream}.x`, 'x'.repeat(2_000_000)))).to.include('max_payload')
    expect(String(await write(`${stream}.*`))).to.include("can't be sent to the subject")
  })

  it('holds what a run makes that nobody disturbs, after kill -9 at any moment @long', async () => {
    const stream = await world.stream()
    await expectUndisturbed({
      program: PROGRAM,
      words: [world.url, stream],
      dir: folder.file('store'),
      count: async () => (await world.manager.streams.info(stream)).state.messages,
      rows: async () => (await texts(stream)).map((text) => JSON.parse(text)),
    })
  }).timeout(300_000)
})
