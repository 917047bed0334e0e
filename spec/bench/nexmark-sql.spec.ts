import { expect } from 'chai'
import { compare } from '../../bench/nexmark/compare.ts'
import { hasDuckDb, RowTables } from '../../bench/nexmark/duckdb.ts'
import { STATEMENTS } from '../../bench/nexmark/sql.ts'
import { rounds } from '../support/effort.ts'

/** Slow event time has windows and sessions that close, and days that end. */
const SETTINGS = [
  { events: 20_000, seed: 2, rate: 100, disorder: 10, partitions: 3, workers: 2 },
  { events: 20_000, seed: 3, rate: 1, disorder: 1000, partitions: 4, workers: 4 },
  { events: 20_000, seed: 1, rate: 1000, disorder: 1, partitions: 1, workers: 1 },
  { events: 60_000, seed: 4, rate: 0.5, disorder: 1000, partitions: 2, workers: 4 },
  { events: 200_000, seed: 5, rate: 10_000, disorder: 10, partitions: 4, workers: 2 },
].slice(0, rounds({ test: 2, ci: 4, torture: 5 }))

for (const { workers, events, ...options } of SETTINGS) {
  const { seed, rate, disorder } = options
  const name = `seed ${seed}, ${rate} a second, disorder ${disorder}, ${workers} workers`

  describe(`Nexmark beside SQL, ${name} @long`, () => {
    let tables: RowTables | null = null

    before(async function () {
      if (!hasDuckDb()) this.skip()
      tables = await RowTables.fill(events, options)
    })
    after(() => tables?.close())

    for (const statement of STATEMENTS) {
      it(`${statement.query.id}: ${statement.query.title}`, async () => {
        const rows = (await tables?.rows(statement.sql)) ?? []
        const { missing, extra } = await compare(statement, rows, { events, workers, ...options })
        expect({ missing, extra }).to.deep.equal({ missing: [], extra: [] })
      })
    }
  })
}
