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

export interface ChannelRow extends StatisticsCounts {
  readonly channel: string
  readonly day: number
  /** Minutes of the day of the latest bid. */
  readonly minute: number
}

interface ChannelDay {
  readonly statistics: BidStatistics
  minute: number
}

const MINUTE = 60_000
const MINUTES = 24 * 60

/** The days of one channel. */
type Days = Map<number, ChannelDay>

const count = (known: Days | null, bid: Bid): readonly [Days, ChannelRow] => {
  const days: Days = known ?? new Map()
  const date = dayOf(bid)
  let day = days.get(date)
  if (day === undefined) {
    day = { statistics: newStatistics(), minute: 0 }
    days.set(date, day)
  }
  const { statistics } = day
  addToStatistics(statistics, bid)
  day.minute = Math.max(day.minute, Math.floor(bid.dateTime / MINUTE) % MINUTES)
  const row = {
    channel: bid.channel,
    day: date,
    minute: day.minute,
    bids: statistics.bids,
    cheapBids: statistics.cheapBids,
    middlingBids: statistics.middlingBids,
    dearBids: statistics.dearBids,
    bidders: statistics.bidders.size,
    cheapBidders: statistics.cheapBidders.size,
    middlingBidders: statistics.middlingBidders.size,
    dearBidders: statistics.dearBidders.size,
    auctions: statistics.auctions.size,
    cheapAuctions: statistics.cheapAuctions.size,
    middlingAuctions: statistics.middlingAuctions.size,
    dearAuctions: statistics.dearAuctions.size,
  }
  return [days, row]
}

/** The same for each channel: ten thousand keys, each with sets of its own. */
export const query: Query<ChannelRow> = {
  id: 'q16',
  title: 'channel statistics by day',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      keyOn('channel', (bid) => bid.channel),
      statefulMap('statistics', count),
      keyRm('rows'),
    ),
  about: (row) => `${row.channel} ${row.day}`,
}
