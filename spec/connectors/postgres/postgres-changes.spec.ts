import { expect } from 'chai'
import { BuildError, ConnectorError, EOF } from 'tidemark'
import {
  type PostgresChange,
  type PostgresChangesPosition,
  PostgresChangesSource,
  type PostgresChangesSourceOptions,
} from 'tidemark/connectors/postgres'
import { describeSource, pollNextBatch } from 'tidemark/testing'
import { type Database, openDatabase } from '../../../connectors/postgres/driver.ts'
import { drain, messageOf } from '../../support/folder.ts'
import { PostgresServer, postgresPrograms } from '../../support/postgres-server.ts'

describe('PostgresChangesSource', () => {
  let server: PostgresServer
  let database: Database
  let slots = 0

  before(async function () {
    if (postgresPrograms() === null) return this.skip()
    server = await PostgresServer.make({
      settings: ['wal_level=logical', 'max_replication_slots=40', 'fsync=off'],
    })
    database = await openDatabase(server.connection)
  })

  after(async () => {
    await database?.close()
    await server?.remove()
  })

  const query = (text: string) => database.transaction((ask) => ask(text))
  const commit = (...texts: readonly string[]) =>
    database.transaction(async (ask) => {
      for (const text of texts) await ask(text)
    })

  type Options = Partial<PostgresChangesSourceOptions>

  /** A table, a publication of its name, and a slot that begins here. */
  const publish = async (table: string, columns: string): Promise<PostgresChangesSource> => {
    await query(`CREATE TABLE ${table} (${columns})`)
    await query(`CREATE PUBLICATION ${table} FOR TABLE ${table}`)
    return begun({ publication: table })
  }

  /** A source whose slot begins here. */
  const begun = async (options: Options): Promise<PostgresChangesSource> => {
    slots += 1
    const slot = `slot_${slots}`
    await query(`SELECT 1 FROM pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
    return sourceOf({ ...options, slot })
  }

  const sourceOf = (options: Options): PostgresChangesSource => {
    const { connection } = server
    const needed = { connection, publication: 'none', slot: 'none' }
    return new PostgresChangesSource({ ...needed, tail: false, ...options })
  }

  const open = (source: PostgresChangesSource, resume: PostgresChangesPosition | null = null) =>
    source.buildPart('f.in', source.listParts()[0] ?? '', resume)

  const changesOf = async (source: PostgresChangesSource): Promise<PostgresChange[]> =>
    drain(await open(source))

  const bare = ({
    lsn: _lsn,
    index: _index,
    commitTime: _time,
    schema: _schema,
    ...rest
  }: PostgresChange) => rest

  /** The number `n` of each row that a batch adds. */
  const numbersIn = (batch: Iterable<PostgresChange>): unknown[] =>
    [...batch].map((change) => (change.op === 'insert' ? change.after['n'] : null))

  const confirmedOf = async (source: PostgresChangesSource): Promise<string> => {
    const [row] = await query(
      `SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = '${source.listParts()[0]}'`,
    )
    return String(row?.['lsn'])
  }

  describeSource('PostgresChangesSource', async () => {
    slots += 1
    const table = `contract_${slots}`
    const source = await publish(table, 'n int PRIMARY KEY')
    const { publication, slot } = { publication: table, slot: source.listParts()[0] ?? '' }
    await commit(`INSERT INTO ${table} VALUES (1), (2), (3)`, `DELETE FROM ${table} WHERE n = 2`)
    await commit(`UPDATE ${table} SET n = 4 WHERE n = 3`)
    const items = await changesOf(source)
    expect(items.map(({ op }) => op).join()).to.equal('insert,insert,insert,delete,update')
    return { source: sourceOf({ publication, slot, batchSize: 1 }), items }
  })

  it('tells what became of each row, with values as they are read elsewhere', async () => {
    const source = await publish(
      'kinds',
      'id int8 PRIMARY KEY, n numeric, at timestamptz, yes bool, more jsonb, raw bytea, words text[]',
    )
    await commit(
      `INSERT INTO kinds VALUES (9007199254740993, 1.50, '2026-01-02T03:04:05.678Z', true, '{"a":[1]}', '\\x00ff', '{a,"b c"}')`,
      'INSERT INTO kinds VALUES (2)',
      `UPDATE kinds SET yes = NULL WHERE id = 9007199254740993`,
      `UPDATE kinds SET id = 3 WHERE id = 2`,
      'DELETE FROM kinds WHERE id = 3',
      'TRUNCATE kinds',
    )
    const given = await changesOf(source)
    const full = {
      id: '9007199254740993',
      n: '1.50',
      at: new Date('2026-01-02T03:04:05.678Z'),
      yes: true,
      more: { a: [1] },
      raw: Buffer.from([0, 255]),
      words: ['a', 'b c'],
    }
    const empty = { n: null, at: null, yes: null, more: null, raw: null, words: null }
    expect(given.map(bare)).to.deep.equal([
      { op: 'insert', table: 'kinds', after: full },
      { op: 'insert', table: 'kinds', after: { id: '2', ...empty } },
      { op: 'update', table: 'kinds', after: { ...full, yes: null } },
      { op: 'update', table: 'kinds', before: { id: '2' }, after: { id: '3', ...empty } },
      { op: 'delete', table: 'kinds', before: { id: '3' } },
      { op: 'truncate', table: 'kinds' },
    ])
    expect(given.map(({ index }) => index)).to.deep.equal([0, 1, 2, 3, 4, 5])
    expect(new Set(given.map(({ lsn }) => lsn)).size).to.equal(1)
    const [clock] = await query('SELECT extract(epoch FROM now()) * 1000 AS now')
    expect(given[0]?.commitTime).to.be.within(
      Number(clock?.['now']) - 60_000,
      Number(clock?.['now']),
    )
  })

  it('gives the whole row before, where the table tells it', async () => {
    const source = await publish('whole', 'a int, b text')
    await query('ALTER TABLE whole REPLICA IDENTITY FULL')
    await commit(
      `INSERT INTO whole VALUES (1, NULL)`,
      `UPDATE whole SET b = 'x'`,
      'DELETE FROM whole',
    )
    expect((await changesOf(source)).map(bare)).to.deep.equal([
      { op: 'insert', table: 'whole', after: { a: 1, b: null } },
      { op: 'update', table: 'whole', before: { a: 1, b: null }, after: { a: 1, b: 'x' } },
      { op: 'delete', table: 'whole', before: { a: 1, b: 'x' } },
    ])
  })

  it('names a large value that an update left alone, and makes none up', async () => {
    const source = await publish('large', 'id int PRIMARY KEY, n int, body text')
    await query('ALTER TABLE large ALTER body SET STORAGE EXTERNAL')
    await commit(`INSERT INTO large VALUES (1, 1, repeat('x', 100000))`)
    await commit('UPDATE large SET n = 2')
    const [first, second] = (await changesOf(source)).map(bare)
    expect(first).to.have.nested.property('after.body').with.length(100_000)
    expect(second).to.deep.equal({
      op: 'update',
      table: 'large',
      after: { id: 1, n: 2 },
      unchanged: ['body'],
    })
  })

  it('tells transactions whole, in the order of their commits, and none that was taken back', async () => {
    const source = await publish('orders', 'n int PRIMARY KEY')
    await database.transaction(async (slow) => {
      await slow('INSERT INTO orders VALUES (1)')
      await commit('INSERT INTO orders VALUES (2)')
      await slow('INSERT INTO orders VALUES (4)')
    })
    await commit('INSERT INTO orders VALUES (5)', 'SELECT 1 / 0').catch(() => null)
    const told = await changesOf(source)
    expect(told.map((change) => (change.op === 'insert' ? change.after['n'] : null))).to.deep.equal(
      [2, 1, 4],
    )
  })

  it('lets the server forget only what is durable, also while other tables change', async () => {
    const source = await publish('kept', 'n int')
    const before = await confirmedOf(source)
    await commit('INSERT INTO kept VALUES (1), (2)')
    const part = await open(source)
    while ((await pollNextBatch(part)) !== EOF);
    const end = part.snapshot()
    await part.close()
    expect(await confirmedOf(source)).to.equal(before)

    const again = await open(source)
    expect(await pollNextBatch(again)).to.have.length(2)
    again.onCommit(end)
    await again.close()
    expect(await confirmedOf(source)).to.equal(end.lsn)

    await query('CREATE TABLE elsewhere (n int)')
    await commit('INSERT INTO elsewhere VALUES (1)')
    const idle = await open(source)
    expect(await pollNextBatch(idle)).to.equal(EOF)
    idle.onCommit(idle.snapshot())
    await idle.close()
    const [behind] = await query(
      `SELECT '${await confirmedOf(source)}'::pg_lsn > '${end.lsn}'::pg_lsn AS moved`,
    )
    expect(behind?.['moved']).to.equal(true)
  })

  it('goes on behind what it gave when the server was killed @long', async () => {
    const source = await publish('later', 'n int')
    const slot = source.listParts()[0] ?? ''
    const part = await open(sourceOf({ publication: 'later', slot, tail: true }))
    const numbers: unknown[] = []
    const until = async (count: number): Promise<void> => {
      while (numbers.length < count) {
        const batch = await pollNextBatch(part)
        if (typeof batch === 'symbol') throw new Error('it ended')
        numbers.push(...numbersIn(batch))
      }
    }
    await commit('INSERT INTO later VALUES (1), (2)')
    await until(2)
    await server.kill()
    await server.start()
    const write = () => commit('INSERT INTO later VALUES (3)')
    await write().catch(write)
    await until(3)
    expect(numbers).to.deep.equal([1, 2, 3])
    await part.close()
  })

  it('leaves on the server what there is no room for', async () => {
    const source = await publish('flood', 'n int, body text')
    await query('ALTER TABLE flood ALTER body SET STORAGE EXTERNAL')
    for (let n = 0; n < 40; n += 1) {
      await commit(`INSERT INTO flood VALUES (${n}, repeat('x', 1000000))`)
    }
    const slot = source.listParts()[0] ?? ''
    const part = await open(sourceOf({ publication: 'flood', slot, bufferBytes: 1, batchSize: 1 }))
    const sent = async (): Promise<number> => {
      const [row] = await query(
        `SELECT (pg_current_wal_lsn() - sent_lsn)::float8 AS behind FROM pg_stat_replication JOIN pg_replication_slots ON pid = active_pid WHERE slot_name = '${slot}'`,
      )
      return Number(row?.['behind'])
    }
    // Nobody reads: what is sent comes to a standstill.
    let behind = Number.NaN
    for (let same = 0; same < 20; ) {
      const now = await sent()
      same = now === behind ? same + 1 : 0
      behind = now
    }
    expect(behind).to.be.greaterThan(10_000_000)
    const numbers = numbersIn(await drain(part))
    expect(numbers).to.deep.equal(Array.from({ length: 40 }, (_, n) => n))
  }).timeout(120_000)

  it('refuses what can not be followed, and says what mends it', async () => {
    await query('CREATE TABLE there (n int)')
    await query('CREATE PUBLICATION there FOR TABLE there')
    const told = (options: Options, resume: PostgresChangesPosition | null = null) =>
      messageOf(() => open(sourceOf({ publication: 'there', slot: 'there', ...options }), resume))
    expect(await told({ publication: 'not "there"' })).to.include(
      'CREATE PUBLICATION "not ""there""" FOR TABLE',
    )
    expect(await told({ slot: 'gone' }, { lsn: '0/1', index: 0 })).to.include('is gone')
    await query(`SELECT 1 FROM pg_create_physical_replication_slot('physical')`)
    expect(await told({ slot: 'physical' })).to.include('is not one of pgoutput')
    const { connection } = server
    await (await open(sourceOf({ publication: 'there', slot: 'there' }))).close()
    expect(await told({}, { lsn: '0/1', index: 0 })).to.include('what lies between is gone')
    expect(await told({}, { lsn: 'nonsense', index: 0 })).to.include(
      'no place in a write-ahead log',
    )
    expect(await told({}, { lsn: '0/1', index: -1 })).to.include('is none of this source')
    await database.transaction((ask) => ask('CREATE ROLE small LOGIN'))
    expect(await told({ connection: connection.replace('postgres@', 'small@') })).to.include(
      'ALTER ROLE name REPLICATION',
    )
    expect(() => sourceOf({ slot: "x'; --" })).to.throw(BuildError)
    expect(() => sourceOf({ publication: [] })).to.throw(BuildError)
    const away = sourceOf({ connection: 'postgres://postgres@127.0.0.1:1/postgres' })
    const failure = await open(away).catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(ConnectorError).and.to.have.property('retryable', true)
  })

  it('refuses a server that keeps no logical log, with the command that changes it', async () => {
    const plain = await PostgresServer.make()
    try {
      const source = sourceOf({ connection: plain.connection })
      expect(await messageOf(() => open(source))).to.include('ALTER SYSTEM SET wal_level = logical')
    } finally {
      await plain.remove()
    }
  })
})
