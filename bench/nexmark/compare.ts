import { dataflow, run } from 'tidemark'
import { TestingSink } from 'tidemark/testing'
import { finalRows } from './query.ts'
import { NexmarkSource, type NexmarkSourceOptions } from './source.ts'
import type { Statement } from './sql.ts'

/** Rows that only one of the two has, as text. */
export interface Difference {
  readonly rows: number
  readonly missing: readonly string[]
  readonly extra: readonly string[]
}

/** Runs a query and holds its final rows against those of the database, in any order. */
export const compare = async (
  { query, columns }: Statement,
  expected: readonly (readonly unknown[])[],
  { workers, ...options }: NexmarkSourceOptions & { readonly workers: number },
): Promise<Difference> => {
  const sink = new TestingSink<unknown>()
  const flow = dataflow('nexmark')
  query.steps(flow.input('events', new NexmarkSource(options))).output('out', sink)
  await run(flow, { workers })

  const got = finalRows(query, sink.items).flatMap(columns)
  const balance = new Map<string, number>()
  for (const row of expected) count(balance, JSON.stringify(row), 1)
  for (const row of got) count(balance, JSON.stringify(row), -1)
  const differing = [...balance].filter(([, times]) => times !== 0)
  return {
    rows: got.length,
    missing: differing.filter(([, times]) => times > 0).map(([row]) => row),
    extra: differing.filter(([, times]) => times < 0).map(([row]) => row),
  }
}

const count = (balance: Map<string, number>, row: string, by: number): void => {
  balance.set(row, (balance.get(row) ?? 0) + by)
}
