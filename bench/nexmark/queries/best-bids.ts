import type { Auction, Bid } from '../model.ts'

/** What is known of an auction: itself, the best bid so far, and bids that came before it. */
export interface Bidding<A> {
  auction: A | null
  best: Bid | null
  waiting: Bid[]
}

export const newBidding = <A>(): Bidding<A> => ({ auction: null, best: null, waiting: [] })

interface Open {
  readonly dateTime: number
  readonly expires: number
}

/** Takes a bid in; whether it is the best one now. Only bids while the auction is open count. */
export const takeBid = <A extends Open>(bidding: Bidding<A>, bid: Bid): boolean => {
  const { auction, best } = bidding
  if (auction === null) {
    bidding.waiting.push(bid)
    return false
  }
  if (bid.dateTime < auction.dateTime || bid.dateTime > auction.expires) return false
  if (best !== null && !beats(bid, best)) return false
  bidding.best = bid
  return true
}

/** The auction is there: whether one of the bids that waited is the best now. */
export const openBidding = <A extends Open>(bidding: Bidding<A>, auction: A): boolean => {
  bidding.auction = auction
  let changed = false
  for (const bid of bidding.waiting) changed = takeBid(bidding, bid) || changed
  bidding.waiting = []
  return changed
}

/** More money wins, then the earlier bid. */
const beats = (bid: Bid, best: Bid): boolean => {
  if (bid.price !== best.price) return bid.price > best.price
  if (bid.dateTime !== best.dateTime) return bid.dateTime < best.dateTime
  return bid.number < best.number
}

export const auctionOf = (event: Auction | Bid): string =>
  String(event.kind === 'bid' ? event.auction : event.id)
