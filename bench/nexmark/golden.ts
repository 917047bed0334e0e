/**
 * What the queries must say of the first 100 000 events (seed 0, 10 000 events a second): figures
 * found by SQL over the same rows.
 */

import * as queries from './queries.ts'
import type { Query } from './query.ts'

export const GOLDEN_EVENTS = 100_000

/** A query, what to add up of its final rows, and what that must come to. */
export interface Golden {
  readonly query: Query<unknown>
  readonly sums: (rows: readonly unknown[]) => readonly number[]
  readonly expected: readonly number[]
}

const golden = <Row>(
  query: Query<Row>,
  sums: (rows: readonly Row[]) => readonly number[],
  expected: readonly number[],
): Golden => ({
  query: query as Query<unknown>,
  sums: sums as (rows: readonly unknown[]) => readonly number[],
  expected,
})

const total = <Row>(rows: readonly Row[], of: (row: Row) => number): number =>
  rows.reduce((sum, row) => sum + of(row), 0)

const most = <Row>(rows: readonly Row[], of: (row: Row) => number): number =>
  rows.reduce((max, row) => Math.max(max, of(row)), Number.NEGATIVE_INFINITY)

const priced = <Row extends { readonly price: number }>(rows: readonly Row[]): number[] => [
  rows.length,
  total(rows, (row) => row.price),
]

const counted = <Row extends { readonly bids: number }>(rows: readonly Row[]): number[] => [
  rows.length,
  most(rows, (row) => row.bids),
]

export const GOLDEN: readonly Golden[] = [
  golden(queries.q0, (rows) => [rows.length], [92_000]),
  golden(queries.q1, priced, [92_000, 604_751_558_829_984]),
  golden(queries.q2, priced, [323, 2_771_831_637]),
  golden(queries.q3, (rows) => [rows.length, total(rows, (row) => row.id)], [477, 1_675_076]),
  golden(
    queries.q4,
    (rows) =>
      [10, 11, 12].map(
        (category) => rows.find((row) => row.category === category)?.average ?? Number.NaN,
      ),
    [29_963_481, 27_680_247, 28_672_969],
  ),
  golden(
    queries.q5,
    (rows) => [rows.length, total(rows, (row) => row.auction), total(rows, (row) => row.bids)],
    [9, 39_600, 7_549],
  ),
  golden(queries.q7, priced, [1, 99_995_326]),
  golden(queries.q8, (rows) => [rows.length, total(rows, (row) => row.id)], [953, 1_664_239]),
  golden(queries.q9, priced, [5592, 157_151_249_234]),
  golden(queries.q11, counted, [1930, 3516]),
  golden(queries.q12, counted, [1930, 3516]),
  golden(
    queries.q13,
    (rows) => [rows.length, total(rows, (row) => (row.value === String(row.auction) ? 1 : 0))],
    [92_000, 92_000],
  ),
  golden(queries.q14, (rows) => [rows.length, total(rows, (row) => row.letters)], [26_142, 68_219]),
  golden(
    queries.q15,
    (rows) =>
      rows.flatMap((row) => [
        ...[row.bids, row.bidders, row.auctions],
        ...[row.cheapBids, row.middlingBids, row.dearBids],
      ]),
    [92_000, 1930, 5996, 30_793, 30_525, 30_682],
  ),
  golden(queries.q16, (rows) => [total(rows, (row) => row.bids)], [92_000]),
  golden(queries.q17, counted, [5996, 859]),
  golden(queries.q18, priced, [28_049, 204_602_441_472]),
  golden(queries.q19, (rows) => priced(rows.flatMap((row) => row.bids)), [44_037, 380_727_199_785]),
  golden(queries.q20, priced, [20_854, 150_905_652_945]),
  golden(queries.q21, (rows) => [rows.length], [87_464]),
  golden(
    queries.q22,
    (rows) => [rows.length, new Set(rows.map((row) => row.dir1)).size],
    [92_000, 9240],
  ),
]
