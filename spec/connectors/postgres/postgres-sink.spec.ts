import { expect } from 'chai'
import { ConnectorError, dataflow, run } from 'tidemark'
import { PostgresSink } from 'tidemark/connectors/postgres'
import { keyOn } from 'tidemark/operators'
import { describeWriteAheadSink, MemoryStore, TestingSource } from 'tidemark/testing'
import { type Database, openDatabase } from '../../../connectors/postgres/driver.ts'
import { Folder } from '../../support/folder.ts'
import { expectUndisturbed } from '../../support/killed-flow.ts'
import { PostgresServer, postgresPrograms } from '../../support/postgres-server.ts'
import { PROGRAM } from './killed-flow.ts'

describe('PostgresSink', () => {
  const folder = new Folder()
  let server: PostgresServer
  let database: Database

  before(async function () {
    if (postgresPrograms() === null) return this.skip()
    server = await PostgresServer.make()
    database = await openDatabase(server.connection)
  })

  after(async () => {
    await database?.close()
    await server?.remove()
  })

  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const query = (text: string) => database.transaction((ask) => ask(text))

  const failureOf = (doing: Promise<unknown>): Promise<unknown> =>
    doing.then(
      () => null,
      (error: unknown) => error,
    )

  it('writes rows with values of every kind, in order', async () => {
    await query(
      'CREATE TABLE kinds (at serial, name text, count bigint, share float8, whole int, made timestamptz, more jsonb, raw bytea, yes bool DEFAULT true)',
    )
    const made = new Date('2026-01-02T03:04:05.678Z')
    const flow = dataflow('kinds')
    flow
      .input(
        'in',
        new TestingSource<Record<string, unknown>>([
          {
            name: 'Ähre "1"',
            count: 9_007_199_254_740_993n,
            share: Number.POSITIVE_INFINITY,
            made,
          },
          {
            name: null,
            whole: 7,
            more: { a: [1, null] },
            raw: new Uint8Array([0, 255]),
            yes: false,
          },
        ]),
      )
      .output('out', new PostgresSink({ connection: server.connection, table: 'public.kinds' }))
    await run(flow)
    const rows = await query('SELECT *, count::text AS count FROM kinds ORDER BY at')
    expect(rows).to.deep.equal([
      {
        at: 1,
        name: 'Ähre "1"',
        count: '9007199254740993',
        share: Infinity,
        whole: null,
        made,
        more: null,
        raw: null,
        yes: true,
      },
      {
        at: 2,
        name: null,
        count: null,
        share: null,
        whole: 7,
        made: null,
        more: { a: [1, null] },
        raw: Buffer.from([0, 255]),
        yes: false,
      },
    ])
  })

  it('lets a row replace the one with its key, the last one last', async () => {
    await query('CREATE TABLE sums (word text, part int, sum int, PRIMARY KEY (word, part))')
    const items = Array.from({ length: 60 }, (_, at) => ({
      word: `w${at % 3}`,
      part: at % 2,
      sum: at,
    }))
    const flow = dataflow('sums')
    flow
      .input('in', new TestingSource(items, { batchSize: 7 }))
      .pipe(keyOn('key', ({ word }) => word))
      .output(
        'out',
        new PostgresSink({ connection: server.connection, table: 'sums', key: ['word', 'part'] }),
      )
    await run(flow, { workers: 2, epochInterval: 0 })
    const rows = await query('SELECT sum FROM sums ORDER BY sum')
    expect(rows.map(({ sum }) => sum)).to.deep.equal([54, 55, 56, 57, 58, 59])
  })

  it('tells of a row that the database refuses', async () => {
    await query('CREATE TABLE narrow (id int PRIMARY KEY)')
    const flow = dataflow('narrow')
    flow
      .input('in', new TestingSource([{ id: 1 }, { id: 1 }]))
      .output('out', new PostgresSink({ connection: server.connection, table: 'narrow' }))
    const failure = await failureOf(run(flow))
    expect(failure).to.be.instanceOf(ConnectorError)
    expect(String(failure)).to.include('duplicate key').and.include('23505')
    expect(await query('SELECT * FROM narrow')).to.deep.equal([])
  })

  it('fails on a value that no try can write, instead of trying for ever', async () => {
    await query('CREATE TABLE odd (more jsonb)')
    const flow = dataflow('odd')
    flow
      .input('in', new TestingSource([{ more: { deep: 5n } }]))
      .output('out', new PostgresSink({ connection: server.connection, table: 'odd' }))
    const failure = await failureOf(run(flow))
    expect(failure).to.be.instanceOf(ConnectorError)
    expect(String(failure)).to.include('not JSON').and.include('BigInt')
  })

  const tables = { made: 0 }
  describeWriteAheadSink('PostgresSink', async () => {
    tables.made += 1
    const table = `contract_${tables.made}`
    await query(`CREATE TABLE ${table} (at serial, n int CHECK (n < 9))`)
    return {
      sink: () => {
        const { connection } = server
        return new PostgresSink({ connection, table, markers: `${table}_slots` })
      },
      items: [1, 2, 3, 4, 5].map((n) => ({ n })),
      refused: { n: 9 },
      written: async () => {
        const rows = await query(`SELECT n FROM ${table} ORDER BY at`)
        return rows.map(({ n }) => ({ n }))
      },
      away: () => server.kill(),
      back: () => server.start(),
    }
  })

  it('shuts an older execution out, and takes an epoch once', async () => {
    await query('CREATE TABLE fenced (n int)')
    const sink = new PostgresSink({ connection: server.connection, table: 'fenced' })
    sink.useRun({ recovery: true, runtime: null as never })
    const old = await sink.build('flow.out', '0', { execution: 1 })
    const heir = await sink.build('flow.out', '0', { execution: 2 })
    await old.fence(1)
    expect(await old.delivered()).to.equal(null)
    await old.deliver(4, [{ n: 1 }])
    await heir.fence(2)
    expect(await heir.delivered()).to.equal(4)
    await heir.deliver(4, [{ n: 99 }])
    expect(String(await failureOf(old.deliver(5, [{ n: 5 }])))).to.include('by a later execution')
    expect(String(await failureOf(old.fence(1)))).to.include('by a later execution')
    await heir.deliver(5, [{ n: 2 }])
    await old.close()
    await heir.close()
    expect(await query('SELECT n FROM fenced ORDER BY n')).to.deep.equal([{ n: 1 }, { n: 2 }])
  })

  it('begins anew in each run that keeps nothing', async () => {
    await query('CREATE TABLE again (n int)')
    for (let runs = 0; runs < 2; runs++) {
      const flow = dataflow('again')
      flow
        .input('in', new TestingSource([{ n: runs }]))
        .output('out', new PostgresSink({ connection: server.connection, table: 'again' }))
      await run(flow)
    }
    expect(await query('SELECT n FROM again ORDER BY n')).to.deep.equal([{ n: 0 }, { n: 1 }])
  })

  it('waits out a server that is killed and comes back, through runs', async () => {
    await query('CREATE TABLE away (n int)')
    const store = new MemoryStore()
    const items = Array.from({ length: 40 }, (_, n) => ({ n }))
    const paced = items.flatMap((item) => [item, TestingSource.PAUSE(10)])
    const logger = { info: () => {}, warn: () => {}, error: () => {} }
    const flow = () => {
      const made = dataflow('away')
      made
        .input('in', new TestingSource<{ n: number }>(paced))
        .output('out', new PostgresSink({ connection: server.connection, table: 'away' }))
      return made
    }
    const first = run(flow(), { recovery: store, epochInterval: 20, logger })
    await server.kill()
    await server.start()
    await first
    expect(await query('SELECT n FROM away ORDER BY n')).to.deep.equal(items)
  })

  it('holds what a run makes that nobody disturbs, after kill -9 at any moment @long', async () => {
    await query('CREATE TABLE killed (at serial, key text, nth int, item int)')
    await expectUndisturbed({
      program: PROGRAM,
      words: [server.connection],
      dir: folder.file('store'),
      count: async () => Number((await query('SELECT count(*) AS n FROM killed'))[0]?.['n']),
      rows: async () =>
        (await query('SELECT key, nth, item FROM killed ORDER BY at')).map(
          ({ key, nth, item }) => ({ key: String(key), nth: Number(nth), item: Number(item) }),
        ),
    })
  }).timeout(300_000)
})
