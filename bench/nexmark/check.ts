/** `npm run nexmark`: every query's answer against SQL over the same rows. */

import { parseArgs } from 'node:util'
import { compare, type Difference } from './compare.ts'
import { hasDuckDb, RowTables } from './duckdb.ts'
import { STATEMENTS } from './sql.ts'

const USAGE = `npm run nexmark -- [options]

  --events n      how many events (100000)
  --seed n        another seed gives other rows (0)
  --rate n        events a second of event time (10000)
  --disorder n    events arrive shuffled within groups of so many (1)
  --partitions n  partitions of the source (as many as workers)
  --workers n     workers of the flow (1)
  --only q5,q8    these queries only
`

const parse = () =>
  parseArgs({
    options: {
      events: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '0' },
      rate: { type: 'string', default: '10000' },
      disorder: { type: 'string', default: '1' },
      partitions: { type: 'string' },
      workers: { type: 'string', default: '1' },
      only: { type: 'string' },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  }).values

const positive = (name: string, text: string): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new RangeError(`--${name} ${text}: give a whole number, 1 or more.`)
}

const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** Whether the flow and the database say the same; prints what they do not. */
const isRight = (title: string, { rows, missing, extra }: Difference): boolean => {
  const right = missing.length === 0 && extra.length === 0
  print(`${right ? 'right' : 'WRONG'}  ${title}: ${rows} rows`)
  for (const row of missing.slice(0, SHOWN)) print(`  only in SQL: ${row}`)
  for (const row of extra.slice(0, SHOWN)) print(`  only in the flow: ${row}`)
  return right
}

/** Rows of a difference that are shown. */
const SHOWN = 5

const checkAll = async (flags: ReturnType<typeof parse>): Promise<number> => {
  const options = {
    events: positive('events', flags.events),
    seed: Number(flags.seed),
    rate: positive('rate', flags.rate),
    disorder: positive('disorder', flags.disorder),
    partitions: positive('partitions', flags.partitions ?? flags.workers),
    workers: positive('workers', flags.workers),
  }
  const only = flags.only?.split(',') ?? STATEMENTS.map(({ query }) => query.id)
  const tables = await RowTables.fill(options.events, options)
  let wrong = 0
  for (const statement of STATEMENTS.filter(({ query }) => only.includes(query.id))) {
    const { id, title } = statement.query
    const difference = await compare(statement, await tables.rows(statement.sql), options)
    if (!isRight(`${id}  ${title}`, difference)) wrong += 1
  }
  tables.close()
  return wrong === 0 ? 0 : 1
}

const check = async (): Promise<number> => {
  const flags = parse()
  if (flags.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (hasDuckDb()) return checkAll(flags)
  process.stderr.write('There is no DuckDB to ask: run `npm run nexmark:duckdb` first.\n')
  return 2
}

try {
  process.exitCode = await check()
} catch (error) {
  if (!(error instanceof RangeError)) throw error
  process.stderr.write(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
}
