import type { Bid } from '../model.ts'

/** Below the first a bid is cheap, below the second middling, from there on dear: cents. */
const MIDDLING = 10_000
const DEAR = 1_000_000

export interface BidStatistics {
  bids: number
  cheapBids: number
  middlingBids: number
  dearBids: number
  readonly bidders: Set<number>
  readonly cheapBidders: Set<number>
  readonly middlingBidders: Set<number>
  readonly dearBidders: Set<number>
  readonly auctions: Set<number>
  readonly cheapAuctions: Set<number>
  readonly middlingAuctions: Set<number>
  readonly dearAuctions: Set<number>
}

export const newStatistics = (): BidStatistics => ({
  bids: 0,
  cheapBids: 0,
  middlingBids: 0,
  dearBids: 0,
  bidders: new Set(),
  cheapBidders: new Set(),
  middlingBidders: new Set(),
  dearBidders: new Set(),
  auctions: new Set(),
  cheapAuctions: new Set(),
  middlingAuctions: new Set(),
  dearAuctions: new Set(),
})

export const addToStatistics = (to: BidStatistics, { price, bidder, auction }: Bid): void => {
  to.bids += 1
  to.bidders.add(bidder)
  to.auctions.add(auction)
  if (price < MIDDLING) {
    to.cheapBids += 1
    to.cheapBidders.add(bidder)
    to.cheapAuctions.add(auction)
  } else if (price < DEAR) {
    to.middlingBids += 1
    to.middlingBidders.add(bidder)
    to.middlingAuctions.add(auction)
  } else {
    to.dearBids += 1
    to.dearBidders.add(bidder)
    to.dearAuctions.add(auction)
  }
}

export interface StatisticsCounts {
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
