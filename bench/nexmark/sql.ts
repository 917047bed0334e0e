/**
 * The queries once more, as SQL over tables of all the rows: `person`, `auction` and `bid`. What
 * `columns` gives of our rows is what the statement selects, whatever the order of the rows.
 */

import * as queries from './queries.ts'
import type { Query } from './query.ts'

type Value = string | number

export interface Statement {
  readonly query: Query<unknown>
  readonly sql: string
  /** A row of ours as rows of the statement: one, but for lists. */
  readonly columns: (row: unknown) => readonly (readonly Value[])[]
}

const statement = <Row>(
  query: Query<Row>,
  sql: string,
  columns: (row: Row) => readonly Value[],
): Statement => ({
  query: query as Query<unknown>,
  sql,
  columns: (row) => [columns(row as Row)],
})

/** The final price of each auction: its highest bid while it was open. */
const BIDS_IN_TIME = `auction a JOIN bid b
  ON a.id = b.auction AND b.dateTime BETWEEN a.dateTime AND a.expires`

const STATISTICS = `
  count(*), count(*) FILTER (price < 10000),
  count(*) FILTER (price >= 10000 AND price < 1000000), count(*) FILTER (price >= 1000000),
  count(DISTINCT bidder), count(DISTINCT bidder) FILTER (price < 10000),
  count(DISTINCT bidder) FILTER (price >= 10000 AND price < 1000000),
  count(DISTINCT bidder) FILTER (price >= 1000000),
  count(DISTINCT auction), count(DISTINCT auction) FILTER (price < 10000),
  count(DISTINCT auction) FILTER (price >= 10000 AND price < 1000000),
  count(DISTINCT auction) FILTER (price >= 1000000)`

interface Counts {
  readonly bids: number
  readonly cheapBids: number
  readonly middlingBids: number
  readonly dearBids: number
  readonly bidders: number
  readonly cheapBidders: number
  readonly middlingBidders: number
  readonly dearBidders: number
  readonly auctions: number
  readonly cheapAuctions: number
  readonly middlingAuctions: number
  readonly dearAuctions: number
}

const statistics = (row: Counts): number[] => [
  ...[row.bids, row.cheapBids, row.middlingBids, row.dearBids],
  ...[row.bidders, row.cheapBidders, row.middlingBidders, row.dearBidders],
  ...[row.auctions, row.cheapAuctions, row.middlingAuctions, row.dearAuctions],
]

export const STATEMENTS: readonly Statement[] = [
  statement(queries.q0, 'SELECT auction, bidder, price, dateTime, extra FROM bid', (row) => [
    ...[row.auction, row.bidder, row.price, row.dateTime, row.extra],
  ]),
  statement(queries.q1, 'SELECT auction, bidder, price * 908, dateTime, extra FROM bid', (row) => [
    ...[row.auction, row.bidder, row.price, row.dateTime, row.extra],
  ]),
  statement(queries.q2, 'SELECT auction, price FROM bid WHERE auction % 123 = 0', (row) => [
    row.auction,
    row.price,
  ]),
  statement(
    queries.q3,
    `SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
     WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')`,
    (row) => [row.name, row.city, row.state, row.id],
  ),
  statement(
    queries.q4,
    `SELECT category, sum(price) // count(*) FROM
       (SELECT a.id, a.category, max(b.price) AS price FROM ${BIDS_IN_TIME} GROUP BY ALL)
     GROUP BY category`,
    (row) => [row.category, row.average],
  ),
  statement(
    queries.q5,
    `WITH heat AS
       (SELECT (dateTime // 2000 - k) * 2000 AS starts, auction, count(*) AS bids
        FROM bid, range(5) AS offsets(k) GROUP BY ALL)
     SELECT starts, auction, bids FROM heat
     QUALIFY bids = max(bids) OVER (PARTITION BY starts)`,
    (row) => [row.starts, row.auction, row.bids],
  ),
  statement(
    queries.q7,
    `SELECT auction, price, bidder, dateTime FROM bid
     QUALIFY price = max(price) OVER (PARTITION BY dateTime // 10000)`,
    (row) => [row.auction, row.price, row.bidder, row.dateTime],
  ),
  statement(
    queries.q8,
    `SELECT DISTINCT p.id, p.name, p.dateTime // 10000 * 10000 FROM person p JOIN auction a
     ON p.id = a.seller AND p.dateTime // 10000 = a.dateTime // 10000`,
    (row) => [row.id, row.name, row.starts],
  ),
  statement(
    queries.q9,
    `SELECT a.id, a.itemName, a.seller, a.category, b.bidder, b.price, b.dateTime
     FROM ${BIDS_IN_TIME} QUALIFY 1 = row_number()
       OVER (PARTITION BY a.id ORDER BY b.price DESC, b.dateTime, b.number)`,
    (row) => [
      ...[row.id, row.itemName, row.seller, row.category],
      ...[row.bidder, row.price, row.dateTime],
    ],
  ),
  statement(
    queries.q11,
    `WITH marked AS
       (SELECT bidder, dateTime, dateTime - lag(dateTime) OVER times > 10000 AS breaks
        FROM bid WINDOW times AS (PARTITION BY bidder ORDER BY dateTime, number)),
     numbered AS
       (SELECT bidder, dateTime, count(*) FILTER (breaks) OVER
          (PARTITION BY bidder ORDER BY dateTime RANGE UNBOUNDED PRECEDING) AS session FROM marked)
     SELECT bidder, count(*), min(dateTime), max(dateTime) + 10000 FROM numbered
     GROUP BY bidder, session`,
    (row) => [row.bidder, row.bids, row.starts, row.ends],
  ),
  statement(
    queries.q12,
    'SELECT bidder, count(*), dateTime // 10000 * 10000 FROM bid GROUP BY bidder, 3',
    (row) => [row.bidder, row.bids, row.starts],
  ),
  statement(
    queries.q13,
    'SELECT auction, bidder, price, dateTime, (auction % 10000)::VARCHAR FROM bid',
    (row) => [row.auction, row.bidder, row.price, row.dateTime, row.value],
  ),
  statement(
    queries.q14,
    `SELECT auction, bidder, price * 908,
       CASE WHEN hour BETWEEN 8 AND 18 THEN 'dayTime'
         WHEN hour <= 6 OR hour >= 20 THEN 'nightTime' ELSE 'otherTime' END,
       dateTime, length(extra) - length(replace(extra, 'c', ''))
     FROM (SELECT *, dateTime // 3600000 % 24 AS hour FROM bid)
     WHERE price * 908 > 1000000000 AND price * 908 < 50000000000`,
    (row) => [
      ...[row.auction, row.bidder, row.price, row.bidTimeType],
      ...[row.dateTime, row.letters],
    ],
  ),
  statement(
    queries.q15,
    `SELECT dateTime // 86400000 AS day, ${STATISTICS} FROM bid GROUP BY day`,
    (row) => [row.day, ...statistics(row)],
  ),
  statement(
    queries.q16,
    `SELECT channel, dateTime // 86400000 AS day, max(dateTime // 60000 % 1440), ${STATISTICS}
     FROM bid GROUP BY channel, day`,
    (row) => [row.channel, row.day, row.minute, ...statistics(row)],
  ),
  statement(
    queries.q17,
    `SELECT auction, dateTime // 86400000 AS day, count(*), count(*) FILTER (price < 10000),
       count(*) FILTER (price >= 10000 AND price < 1000000), count(*) FILTER (price >= 1000000),
       min(price), max(price), sum(price) // count(*), sum(price)
     FROM bid GROUP BY auction, day`,
    (row) => [
      ...[row.auction, row.day, row.bids, row.cheapBids, row.middlingBids, row.dearBids],
      ...[row.least, row.most, row.average, row.sum],
    ],
  ),
  statement(
    queries.q18,
    `SELECT auction, bidder, price, dateTime, number FROM bid QUALIFY 1 = row_number()
       OVER (PARTITION BY bidder, auction ORDER BY dateTime DESC, number DESC)`,
    (row) => [row.auction, row.bidder, row.price, row.dateTime, row.number],
  ),
  {
    query: queries.q19 as Query<unknown>,
    sql: `SELECT auction, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS place, price
      FROM bid QUALIFY place <= 10`,
    // Which one of equal prices comes in last is not said.
    columns: (row) => {
      const { auction, bids } = row as Parameters<NonNullable<typeof queries.q19.about>>[0]
      return bids.map(({ price }, index) => [auction, index + 1, price])
    },
  },
  statement(
    queries.q20,
    `SELECT b.auction, b.bidder, b.price, b.dateTime, a.itemName, a.seller, a.expires
     FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10`,
    (row) => [
      ...[row.auction, row.bidder, row.price, row.bidTime],
      ...[row.itemName, row.seller, row.expires],
    ],
  ),
  statement(
    queries.q21,
    `SELECT * FROM (SELECT auction, bidder, price, channel, CASE lower(channel)
       WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2' WHEN 'baidu' THEN '3'
       ELSE nullif(regexp_extract(url, '(&|^)channel_id=([^&]*)', 2), '') END AS id FROM bid)
     WHERE id IS NOT NULL`,
    (row) => [row.auction, row.bidder, row.price, row.channel, row.channelId],
  ),
  statement(
    queries.q22,
    `SELECT auction, bidder, price, channel,
       split_part(url, '/', 4), split_part(url, '/', 5), split_part(url, '/', 6) FROM bid`,
    (row) => [
      ...[row.auction, row.bidder, row.price, row.channel],
      ...[row.dir1, row.dir2, row.dir3],
    ],
  ),
]
