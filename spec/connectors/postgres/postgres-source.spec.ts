import { expect } from 'chai'
import { BuildError, ConnectorError, dataflow, run } from 'tidemark'
import { PostgresSource, type PostgresSourceOptions } from 'tidemark/connectors/postgres'
import { describeSource, MemoryStore, pollNextBatch, TestingSink } from 'tidemark/testing'
import { type Database, openDatabase } from '../../../connectors/postgres/driver.ts'
import { drain, messageOf } from '../../support/folder.ts'
import { PostgresServer, postgresPrograms } from '../../support/postgres-server.ts'

describe('PostgresSource', () => {
  let server: PostgresServer
  let database: Database

  before(async function () {
    if (postgresPrograms() === null) return this.skip()
    server = await PostgresServer.make()
    database = await openDatabase(server.connection)
    await query('CREATE TABLE numbers (n int PRIMARY KEY)')
    await query('INSERT INTO numbers SELECT generate_series(1, 7)')
  })

  after(async () => {
    await database?.close()
    await server?.remove()
  })

  const query = (text: string) => database.transaction((ask) => ask(text))

  const open = (
    options: Omit<PostgresSourceOptions, 'connection'>,
    resume: readonly string[] | null = null,
  ) =>
    new PostgresSource({ connection: server.connection, ...options }).buildPart(
      'f.in',
      'rows',
      resume,
    )

  const NUMBERS = { query: 'SELECT n FROM numbers;', orderBy: 'n' }

  describeSource('PostgresSource', () => ({
    source: new PostgresSource({ connection: server.connection, ...NUMBERS, batchSize: 2 }),
    items: [1, 2, 3, 4, 5, 6, 7].map((n) => ({ n })),
  }))

  it('resumes behind bigints and microseconds without rounding', async () => {
    await query('CREATE TABLE exact ("at ""it""" timestamptz, id int8)')
    await query(
      `INSERT INTO exact VALUES ('2026-01-01 00:00:00.000001Z', 9007199254740993),
       ('2026-01-01 00:00:00.000001Z', 9007199254740994), ('2026-01-01 00:00:00.000002Z', 1)`,
    )
    const options = { query: 'SELECT * FROM exact', orderBy: ['at "it"', 'id'], batchSize: 1 }
    let position: readonly string[] | null = null
    const ids: unknown[] = []
    for (let turn = 0; turn < 3; turn += 1) {
      const part = await open(options, position)
      const batch = await pollNextBatch(part)
      if (typeof batch !== 'symbol') ids.push(...[...batch].map(({ id }) => id))
      position = part.snapshot()
      await part.close()
    }
    expect(ids).to.deep.equal(['9007199254740993', '9007199254740994', '1'])
  })

  it('fails on ties and on NULL, wherever a page ends', async () => {
    await query('CREATE TABLE ties (n int)')
    await query('INSERT INTO ties VALUES (1), (2), (2), (3)')
    for (const batchSize of [1, 2, 3, 4]) {
      const part = await open({ query: 'SELECT * FROM ties', orderBy: 'n', batchSize })
      expect(await messageOf(() => drain(part)), String(batchSize)).to.include('more than one row')
    }
    const empty = await open({ query: 'SELECT NULL::int AS n', orderBy: 'n' })
    expect(await messageOf(() => drain(empty))).to.include('is NULL')
  })

  it('takes what Postgres calls equal for a tie, however it is written', async () => {
    await query('CREATE TABLE written (n numeric, i interval)')
    await query(`INSERT INTO written VALUES (1.0, '24 hours'), (1.00, '1 day'), (2, '2 days')`)
    for (const orderBy of ['n', 'i']) {
      for (const batchSize of [1, 2, 3]) {
        const part = await open({ query: 'SELECT * FROM written', orderBy, batchSize })
        const told = await messageOf(() => drain(part))
        expect(told, `${orderBy} ${batchSize}`).to.include('more than one row')
      }
    }
  })

  it('fails at once where the database was never reached, and says that trying again may help', async () => {
    const connection = 'postgres://postgres@127.0.0.1:1/postgres'
    const source = new PostgresSource({ connection, ...NUMBERS })
    const part = await source.buildPart('f.in', 'rows', null)
    const failure = await Promise.resolve(part.nextBatch()).catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(ConnectorError).and.to.have.property('retryable', true)
    await part.close()
    const password = 'postgres//me:secret@host/db'
    expect(() => new PostgresSource({ connection: password, ...NUMBERS }))
      .to.throw(BuildError)
      .with.property('message')
      .that.does.not.include('secret')
  })

  it('reads only, whatever it is given', async () => {
    expect(
      () => new PostgresSource({ connection: '', query: 'DELETE FROM numbers', orderBy: 'n' }),
    ).to.throw(BuildError)
    const sly = [
      { query: 'WITH gone AS (DELETE FROM numbers RETURNING n) SELECT n FROM gone', orderBy: 'n' },
      { query: 'SELECT n FROM numbers', orderBy: 'n"; DROP TABLE numbers; --' },
      { query: 'SELECT 1 AS n) AS x; COMMIT; DROP TABLE numbers; --', orderBy: 'n' },
    ]
    for (const options of sly) {
      const part = await open(options)
      expect(await messageOf(() => drain(part))).to.match(/^Postgres/)
    }
    const hostile = await open(NUMBERS, ['1); DROP TABLE numbers; --'])
    expect(await messageOf(() => drain(hostile))).to.include('invalid input syntax')
    expect(await query('SELECT count(*)::int AS count FROM numbers')).to.deep.equal([{ count: 7 }])
    const other = await messageOf(() => open(NUMBERS, ['1', '2']))
    expect(other).to.include('of 2 columns')
  })

  it('goes on where it was, in a later run', async () => {
    await query('CREATE TABLE orders (id serial PRIMARY KEY, sku text)')
    const store = new MemoryStore()
    const seen: unknown[] = []
    for (const sku of ['a', 'b']) {
      await query(`INSERT INTO orders (sku) VALUES ('${sku}1'), ('${sku}2')`)
      const sink = new TestingSink<Record<string, unknown>>()
      const flow = dataflow('orders')
      const options = {
        connection: server.connection,
        query: 'SELECT * FROM orders',
        orderBy: 'id',
      }
      flow.input('in', new PostgresSource(options)).output('out', sink)
      await run(flow, { recovery: store, epochInterval: 0 })
      seen.push(sink.items.map((row) => row['sku']))
    }
    expect(seen).to.deep.equal([
      ['a1', 'a2'],
      ['b1', 'b2'],
    ])
  })

  it('finds rows that come later, also after the server was killed', async () => {
    await query('CREATE TABLE later (n int)')
    const part = await open({
      query: 'SELECT * FROM later',
      orderBy: 'n',
      tail: true,
      pollEvery: 10,
    })
    const next = async (): Promise<unknown> => {
      for (;;) {
        const batch = await pollNextBatch(part)
        if (typeof batch === 'symbol') return batch
        const rows = [...batch]
        if (rows.length > 0) return rows
      }
    }
    await query('INSERT INTO later VALUES (1)')
    expect(await next()).to.deep.equal([{ n: 1 }])
    await server.kill()
    expect(await part.nextBatch()).to.deep.equal([])
    await server.start()
    await query('INSERT INTO later VALUES (2)').catch(() => query('INSERT INTO later VALUES (2)'))
    expect(await next()).to.deep.equal([{ n: 2 }])
    await part.close()
  })
})
