import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setInterval } from 'node:timers/promises'
import { expect } from 'chai'
import { type Database, openDatabase } from '../../../connectors/postgres/driver.ts'
import { builtProgram } from '../../support/built-programs.ts'
import { rounds } from '../../support/effort.ts'
import { Folder } from '../../support/folder.ts'
import { PostgresServer, postgresPrograms } from '../../support/postgres-server.ts'
import { PROGRAM } from './followed-flow.ts'

const KEYS = 5
/** Milliseconds between two looks at what was written. */
const LOOK = 20
/** Rows before each run. */
const ROWS = 600
const KILLS = rounds({ test: 2, ci: 3, torture: 6 })

describe('a flow that follows a Postgres table', () => {
  const folder = new Folder()
  let server: PostgresServer
  let database: Database

  before(async function () {
    if (postgresPrograms() === null) return this.skip()
    server = await PostgresServer.make({ settings: ['wal_level=logical', 'fsync=off'] })
    database = await openDatabase(server.connection)
  })

  after(async () => {
    await database?.close()
    await server?.remove()
  })

  beforeEach(() => folder.make())
  afterEach(() => folder.remove())

  const query = (text: string) => database.transaction((ask) => ask(text))

  const written = async (): Promise<number> =>
    Number((await query('SELECT count(*) AS n FROM followed'))[0]?.['n'])

  /** Transactions of different lengths, some of which are taken back. */
  const feed = async (from: number, rows: number): Promise<void> => {
    for (let item = from, size = 1; item < from + rows; item += size, size = (size * 3) % 97) {
      const last = Math.min(item + size, from + rows) - 1
      const insert = `INSERT INTO fed SELECT 'k' || n % ${KEYS}, n FROM generate_series(${item}, ${last}) AS n`
      await database
        .transaction(async (ask) => {
          await ask(insert)
          throw new Error('taken back')
        })
        .catch(() => null)
      await query(insert)
    }
  }

  /** The signal that ended the process; it is killed as soon as enough is written. */
  const follow = async (until: 'tail' | 'end', workers: number, enough: number) => {
    const words = [
      builtProgram(PROGRAM),
      server.connection,
      folder.file('store'),
      String(workers),
      until,
    ]
    const child = spawn(process.execPath, words, {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += String(chunk)
    })
    const ended = once(child, 'exit')
    try {
      for await (const _ of setInterval(LOOK)) {
        if (child.exitCode !== null || (await written()) >= enough) break
      }
    } finally {
      child.kill('SIGKILL')
    }
    const [code, signal] = await ended
    if (code !== null && code !== 0) throw new Error(said)
    return signal
  }

  it('sees each change once, in order, through kill -9 at any moment @long', async () => {
    await query('CREATE TABLE fed (key text, item int)')
    await query('CREATE TABLE followed (at serial, key text, nth int, item int)')
    await query('CREATE PUBLICATION fed FOR TABLE fed')
    await query(`SELECT 1 FROM pg_create_logical_replication_slot('fed', 'pgoutput')`)
    let fed = 0
    for (let kill = 0; kill < KILLS; kill += 1) {
      await feed(fed, ROWS)
      fed += ROWS
      const enough = (await written()) + 1 + 150 * kill
      expect(await follow('tail', [2, 1, 3][kill % 3] ?? 1, enough)).to.equal('SIGKILL')
    }
    expect(await follow('end', 2, Number.POSITIVE_INFINITY)).to.equal(null)
    const rows = await query('SELECT key, nth, item FROM followed ORDER BY key, at')
    const expected = await query(
      `SELECT key, row_number() OVER (PARTITION BY key ORDER BY item)::int AS nth, item FROM fed ORDER BY key, item`,
    )
    expect(rows).to.have.length(fed)
    expect(rows).to.deep.equal(expected)
    const [slot] = await query(
      `SELECT confirmed_flush_lsn > restart_lsn AND active = false AS moved FROM pg_replication_slots WHERE slot_name = 'fed'`,
    )
    expect(slot?.['moved']).to.equal(true)
  }).timeout(300_000)
})
