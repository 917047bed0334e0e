import { type ChildProcess, spawn } from 'node:child_process'
import { expect } from 'chai'
import { type Database, openDatabase } from '../../connectors/postgres/driver.ts'
import { PostgresServer, postgresPrograms } from '../support/postgres-server.ts'
import { WebSocketPeer } from '../support/web-socket-peer.ts'

/** A sample that goes on until it is stopped, as a user starts it. */
class Sample {
  readonly #child: ChildProcess
  said = ''

  constructor(name: string, env: Readonly<Record<string, string>>) {
    const words = ['cli/main.ts', 'run', `samples/${name}`, '--no-api', '-s', '0.1']
    this.#child = spawn(process.execPath, ['--import=tsx', '--conditions=source', ...words], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const hear = (chunk: Buffer): void => {
      this.said += String(chunk)
    }
    this.#child.stdout?.on('data', hear)
    this.#child.stderr?.on('data', hear)
  }

  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await isSo())) {
      if (this.#child.exitCode !== null) throw new Error(this.said)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    await new Promise((resolve) => {
      this.#child.once('exit', resolve)
      this.#child.kill('SIGINT')
    })
  }
}

describe('the samples that serve', function () {
  let sample: Sample | null = null

  afterEach(async () => {
    await sample?.stop()
    sample = null
  })

  it('websocket-firehose.ts prints what comes most often @long', async () => {
    const peer = await WebSocketPeer.make((socket) => {
      socket.send('no edit')
      for (let n = 0; n < 30; n += 1) {
        socket.send(JSON.stringify({ server_name: n % 3 === 0 ? 'b.example' : 'a.example' }))
      }
    })
    try {
      const made = new Sample('websocket-firehose.ts', {
        FIREHOSE_URL: peer.url,
        FIREHOSE_WINDOW: '200',
      })
      sample = made
      await made.until(() => made.said.includes('b.example'))
      expect(made.said).to.match(/"server":"a\.example","count":\d+/)
    } finally {
      await peer.close()
    }
  })

  it('webhook-to-postgres.ts keeps the sums of what it has answered @long', async function () {
    if (postgresPrograms() === null) return this.skip()
    const server = await PostgresServer.make()
    let database: Database | null = null
    try {
      const opened = await openDatabase(server.connection)
      database = opened
      await opened.transaction((query) =>
        query('CREATE TABLE sums (customer text PRIMARY KEY, orders int, cents bigint)'),
      )
      const port = 20_000 + (process.pid % 20_000)
      const made = new Sample('webhook-to-postgres.ts', {
        ORDERS_DB: server.connection,
        ORDERS_PORT: String(port),
      })
      sample = made
      const send = (id: string, customer: string, cents: number): Promise<number> =>
        fetch(`http://127.0.0.1:${port}/orders`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', 'X-Order': id },
          body: JSON.stringify({ customer, cents }),
        }).then(
          ({ status }) => status,
          () => 0,
        )
      await made.until(async () => (await send('1', 'ada', 500)) === 200)
      expect(
        await Promise.all([send('2', 'bob', 1), send('3', 'ada', 200), send('1', 'ada', 500)]),
      ).to.deep.equal([200, 200, 200])
      const sums = () =>
        opened.transaction((query) =>
          query('SELECT customer, orders, cents::int AS cents FROM sums ORDER BY customer'),
        )
      // What is committed is on its way to the table; it may come in several epochs.
      await made.until(async () => {
        const orders = (await sums()).map((row) => Number(row['orders']))
        return orders.reduce((all, each) => all + each, 0) >= 3
      })
      expect(await sums()).to.deep.equal([
        { customer: 'ada', orders: 2, cents: 700 },
        { customer: 'bob', orders: 1, cents: 1 },
      ])
    } finally {
      await sample?.stop()
      await database?.close()
      await server.remove()
    }
  })
})
