import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type GeneratorOptions, NexmarkGenerator } from './generator.ts'
import type { NexmarkEvent } from './model.ts'

/** Where `npm run nexmark:duckdb` puts it: it is large, and nothing else needs it. */
const PLACE = new URL('../../node_modules/.cache/nexmark/node_modules/@duckdb/', import.meta.url)
const MODULE = new URL('node-api/lib/index.js', PLACE)

/** Whether the database is there to ask. */
export const hasDuckDb = (): boolean => existsSync(fileURLToPath(MODULE))

/** What is used of `@duckdb/node-api`. */
interface Api {
  readonly DuckDBInstance: { create(path: string): Promise<{ connect(): Promise<Connection> }> }
}

interface Connection {
  run(sql: string): Promise<unknown>
  runAndReadAll(sql: string): Promise<{ getRows(): unknown[][] }>
  closeSync(): void
}

const isApi = (module: object): module is Api => 'DuckDBInstance' in module

const TABLES: Readonly<Record<NexmarkEvent['kind'], string>> = {
  person: `{number: 'BIGINT', id: 'BIGINT', name: 'VARCHAR', city: 'VARCHAR', state: 'VARCHAR',
    dateTime: 'BIGINT'}`,
  auction: `{number: 'BIGINT', id: 'BIGINT', itemName: 'VARCHAR', dateTime: 'BIGINT',
    expires: 'BIGINT', seller: 'BIGINT', category: 'BIGINT'}`,
  bid: `{number: 'BIGINT', auction: 'BIGINT', bidder: 'BIGINT', price: 'BIGINT',
    channel: 'VARCHAR', url: 'VARCHAR', dateTime: 'BIGINT', extra: 'VARCHAR'}`,
}

/** The rows of a benchmark in tables of a database of their own, in memory. */
export class RowTables {
  readonly #connection: Connection

  private constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Makes the events and fills the tables; their order does not matter. */
  static async fill(events: number, options: GeneratorOptions): Promise<RowTables> {
    const module: object = await import(MODULE.href)
    if (!isApi(module)) throw new TypeError(`${MODULE.href} is no @duckdb/node-api.`)
    const instance = await module.DuckDBInstance.create(':memory:')
    const tables = new RowTables(await instance.connect())
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-nexmark-'))
    try {
      await tables.#load(folder, events, options)
    } finally {
      await rm(folder, { recursive: true })
    }
    return tables
  }

  /** Every row of the answer; integers of any width are numbers. */
  async rows(sql: string): Promise<unknown[][]> {
    const result = await this.#connection.runAndReadAll(sql)
    return result
      .getRows()
      .map((row) => row.map((value) => (typeof value === 'bigint' ? Number(value) : value)))
  }

  close(): void {
    this.#connection.closeSync()
  }

  async #load(folder: string, events: number, options: GeneratorOptions): Promise<void> {
    const generator = new NexmarkGenerator(options)
    const lines: Record<NexmarkEvent['kind'], string[]> = { person: [], auction: [], bid: [] }
    for (let arrival = 0; arrival < events; arrival += 1) {
      const event = generator.event(arrival)
      lines[event.kind].push(JSON.stringify(event))
    }
    for (const kind of ['person', 'auction', 'bid'] as const) {
      const file = join(folder, `${kind}.json`)
      await writeFile(file, lines[kind].join('\n'))
      await this.#connection.run(
        `CREATE TABLE ${kind} AS SELECT * FROM read_json('${file}',
           format = 'newline_delimited', columns = ${TABLES[kind]})`,
      )
    }
  }
}
