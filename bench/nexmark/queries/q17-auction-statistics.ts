import { filter, keyOn, keyRm, statefulMap } from 'tidemark/operators'
import { type Bid, isBid } from '../model.ts'
import type { Query } from '../query.ts'
import { dayOf } from '../time.ts'

interface AuctionDay {
  bids: number
  cheapBids: number
  middlingBids: number
  dearBids: number
  least: number
  most: number
  sum: number
}

export interface AuctionRow extends Readonly<AuctionDay> {
  readonly auction: number
  readonly day: number
  readonly average: number
}

const newDay = (): AuctionDay => ({
  bids: 0,
  cheapBids: 0,
  middlingBids: 0,
  dearBids: 0,
  least: Number.POSITIVE_INFINITY,
  most: Number.NEGATIVE_INFINITY,
  sum: 0,
})

/** The days of one auction. */
type Days = Map<number, AuctionDay>

const count = (known: Days | null, bid: Bid): readonly [Days, AuctionRow] => {
  const days: Days = known ?? new Map()
  const date = dayOf(bid)
  let day = days.get(date)
  if (day === undefined) {
    day = newDay()
    days.set(date, day)
  }
  const { price } = bid
  day.bids += 1
  if (price < 10_000) day.cheapBids += 1
  else if (price < 1_000_000) day.middlingBids += 1
  else day.dearBids += 1
  if (price < day.least) day.least = price
  if (price > day.most) day.most = price
  day.sum += price
  const row = {
    auction: bid.auction,
    day: date,
    bids: day.bids,
    cheapBids: day.cheapBids,
    middlingBids: day.middlingBids,
    dearBids: day.dearBids,
    least: day.least,
    most: day.most,
    average: Math.trunc(day.sum / day.bids),
    sum: day.sum,
  }
  return [days, row]
}

/** How many bids an auction has had on a day, and what they came to. */
export const query: Query<AuctionRow> = {
  id: 'q17',
  title: 'auction statistics by day',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      keyOn('auction', (bid) => String(bid.auction)),
      statefulMap('statistics', count),
      keyRm('rows'),
    ),
  about: (row) => `${row.auction} ${row.day}`,
}
