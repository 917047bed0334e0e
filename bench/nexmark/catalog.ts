/** Each query beside its hand loop, and how a row of it is weighed. */

import type { Hand } from './hand/hand.ts'
import * as joins from './hand/joins.ts'
import * as latest from './hand/latest.ts'
import * as stateless from './hand/stateless.ts'
import * as statistics from './hand/statistics.ts'
import * as windows from './hand/windows.ts'
import * as queries from './queries.ts'
import type { Query } from './query.ts'

/** A query as it is measured; what its rows are is its own affair. */
export interface Measured {
  readonly query: Query<unknown>
  readonly hand: Hand<unknown>
  /** An integer that a wrong row would hardly have. */
  readonly weigh: (row: unknown) => number
  /** Whether it keeps nothing from one event to the next. */
  readonly isStateless: boolean
}

interface Parts<Row> {
  readonly hand: Hand<Row>
  readonly weigh: (row: Row) => number
  readonly isStateless?: boolean
}

const measured = <Row>(query: Query<Row>, parts: Parts<Row>): Measured => ({
  query: query as Query<unknown>,
  hand: parts.hand as Hand<unknown>,
  weigh: parts.weigh as (row: unknown) => number,
  isStateless: parts.isStateless ?? false,
})

export const MEASURED: readonly Measured[] = [
  measured(queries.q0, {
    hand: stateless.q0,
    weigh: (row) => row.auction + row.price + row.dateTime + row.extra.length,
    isStateless: true,
  }),
  measured(queries.q1, {
    hand: stateless.q1,
    weigh: (row) => row.bidder + row.price + row.dateTime + row.extra.length,
    isStateless: true,
  }),
  measured(queries.q2, {
    hand: stateless.q2,
    weigh: (row) => row.auction + row.price,
    isStateless: true,
  }),
  measured(queries.q3, { hand: joins.q3, weigh: (row) => row.id * 7 + row.name.length }),
  measured(queries.q4, { hand: joins.q4, weigh: (row) => row.category * row.average }),
  measured(queries.q5, {
    hand: windows.q5,
    weigh: (row) => row.auction * row.bids + row.starts,
  }),
  measured(queries.q7, {
    hand: windows.q7,
    weigh: (row) => row.auction + row.price + row.dateTime,
  }),
  measured(queries.q8, { hand: joins.q8, weigh: (row) => row.id * 7 + row.starts }),
  measured(queries.q9, { hand: joins.q9, weigh: (row) => row.id * 7 + row.price + row.dateTime }),
  measured(queries.q11, {
    hand: windows.q11,
    weigh: (row) => row.bidder * row.bids + row.starts + 3 * row.ends,
  }),
  measured(queries.q12, { hand: windows.q12, weigh: (row) => row.bidder * row.bids + row.starts }),
  measured(queries.q13, {
    hand: stateless.q13,
    weigh: (row) => row.auction + row.price + row.value.length,
    isStateless: true,
  }),
  measured(queries.q14, {
    hand: stateless.q14,
    weigh: (row) => row.auction + row.price + row.letters + row.bidTimeType.length,
    isStateless: true,
  }),
  measured(queries.q15, {
    hand: statistics.q15,
    weigh: (row) => row.bids + 3 * row.dearBidders + 7 * row.auctions,
  }),
  measured(queries.q16, {
    hand: statistics.q16,
    weigh: (row) => row.bids + 3 * row.dearBidders + 7 * row.auctions + row.minute,
  }),
  measured(queries.q17, {
    hand: statistics.q17,
    weigh: (row) => row.auction + row.least + row.most + row.average,
  }),
  measured(queries.q18, { hand: latest.q18, weigh: (row) => row.bidder + row.auction + row.price }),
  measured(queries.q19, {
    hand: latest.q19,
    weigh: (row) => row.auction * row.bids.length + (row.bids[0]?.price ?? 0),
  }),
  measured(queries.q20, {
    hand: joins.q20,
    weigh: (row) => row.auction + row.price + row.seller + row.bidTime,
  }),
  measured(queries.q21, {
    hand: stateless.q21,
    weigh: (row) => row.auction + row.price + row.channelId.length,
    isStateless: true,
  }),
  measured(queries.q22, {
    hand: stateless.q22,
    weigh: (row) => row.auction + row.price + row.dir1.length + 3 * row.dir3.length,
    isStateless: true,
  }),
]
