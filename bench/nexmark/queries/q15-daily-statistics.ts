import { filter, keyOn, keyRm, statefulMap } from 'tidemark/operators'
import { type Bid, isBid } from '../model.ts'
import type { Query } from '../query.ts'
import { dayOf } from '../time.ts'
import {
  addToStatistics,
  type BidStatistics,
  newStatistics,
  type StatisticsCounts,
} from './bid-statistics.ts'

export interface DailyRow extends StatisticsCounts {
  readonly day: number
}

const count = (known: BidStatistics | null, bid: Bid): readonly [BidStatistics, DailyRow] => {
  const day = known ?? newStatistics()
  addToStatistics(day, bid)
  const row = {
    day: dayOf(bid),
    bids: day.bids,
    cheapBids: day.cheapBids,
    middlingBids: day.middlingBids,
    dearBids: day.dearBids,
    bidders: day.bidders.size,
    cheapBidders: day.cheapBidders.size,
    middlingBidders: day.middlingBidders.size,
    dearBidders: day.dearBidders.size,
    auctions: day.auctions.size,
    cheapAuctions: day.cheapAuctions.size,
    middlingAuctions: day.middlingAuctions.size,
    dearAuctions: day.dearAuctions.size,
  }
  return [day, row]
}

/** Bids, bidders and auctions of a day, by how dear the bids are. */
export const query: Query<DailyRow> = {
  id: 'q15',
  title: 'bidding statistics by day',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      keyOn('day', (bid) => String(dayOf(bid))),
      statefulMap('statistics', count),
      keyRm('rows'),
    ),
  about: (row) => row.day,
}
