import type { Stream } from 'tidemark'
import type { NexmarkEvent } from './model.ts'

/** A query of the benchmark, as a flow somebody would write. */
export interface Query<Row> {
  readonly id: string
  readonly title: string
  readonly steps: (events: Stream<NexmarkEvent>) => Stream<Row>
  /**
   * Where a row replaces what an earlier one said: what it is about. Where rows only ever add up,
   * there is no such thing.
   */
  readonly about?: (row: Row) => string | number
}

/** What a query says in the end: every row, or the last one about each thing. */
export const finalRows = <Row>({ about }: Query<Row>, rows: readonly Row[]): readonly Row[] => {
  if (about === undefined) return rows
  return [...new Map(rows.map((row) => [about(row), row])).values()]
}
