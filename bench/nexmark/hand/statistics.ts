import { addToStatistics, type BidStatistics, newStatistics } from '../queries/bid-statistics.ts'
import type { DailyRow } from '../queries/q15-daily-statistics.ts'
import type { ChannelRow } from '../queries/q16-channel-statistics.ts'
import type { AuctionRow } from '../queries/q17-auction-statistics.ts'
import type { Hand } from './hand.ts'

const DAY = 86_400_000

export const q15: Hand<DailyRow> = (batches, sink) => {
  const days = new Map<number, BidStatistics>()
  for (const batch of batches) {
    const rows: DailyRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const date = Math.floor(event.dateTime / DAY)
      let day = days.get(date)
      if (day === undefined) {
        day = newStatistics()
        days.set(date, day)
      }
      addToStatistics(day, event)
      rows.push({
        day: date,
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
      })
    }
    sink(rows)
  }
}

interface ChannelDay {
  readonly statistics: BidStatistics
  minute: number
}

export const q16: Hand<ChannelRow> = (batches, sink) => {
  const channels = new Map<string, Map<number, ChannelDay>>()
  for (const batch of batches) {
    const rows: ChannelRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const { channel, dateTime } = event
      let days = channels.get(channel)
      if (days === undefined) {
        days = new Map()
        channels.set(channel, days)
      }
      const date = Math.floor(dateTime / DAY)
      let day = days.get(date)
      if (day === undefined) {
        day = { statistics: newStatistics(), minute: 0 }
        days.set(date, day)
      }
      const { statistics } = day
      addToStatistics(statistics, event)
      day.minute = Math.max(day.minute, Math.floor(dateTime / 60_000) % 1440)
      rows.push({
        channel,
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
      })
    }
    sink(rows)
  }
}

interface AuctionDay {
  bids: number
  cheapBids: number
  middlingBids: number
  dearBids: number
  least: number
  most: number
  sum: number
}

export const q17: Hand<AuctionRow> = (batches, sink) => {
  const auctions = new Map<number, Map<number, AuctionDay>>()
  for (const batch of batches) {
    const rows: AuctionRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const { auction, price } = event
      let days = auctions.get(auction)
      if (days === undefined) {
        days = new Map()
        auctions.set(auction, days)
      }
      const date = Math.floor(event.dateTime / DAY)
      let day = days.get(date)
      if (day === undefined) {
        const rest = { least: price, most: price, sum: 0 }
        day = { bids: 0, cheapBids: 0, middlingBids: 0, dearBids: 0, ...rest }
        days.set(date, day)
      }
      day.bids += 1
      if (price < 10_000) day.cheapBids += 1
      else if (price < 1_000_000) day.middlingBids += 1
      else day.dearBids += 1
      if (price < day.least) day.least = price
      if (price > day.most) day.most = price
      day.sum += price
      rows.push({
        auction,
        day: date,
        bids: day.bids,
        cheapBids: day.cheapBids,
        middlingBids: day.middlingBids,
        dearBids: day.dearBids,
        least: day.least,
        most: day.most,
        average: Math.trunc(day.sum / day.bids),
        sum: day.sum,
      })
    }
    sink(rows)
  }
}
