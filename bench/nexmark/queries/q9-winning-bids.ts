import { filter, keyOn, keyRm, statefulFlatMap } from 'tidemark/operators'
import { type Auction, type Bid, isPerson, type NexmarkEvent } from '../model.ts'
import type { Query } from '../query.ts'
import { auctionOf, type Bidding, newBidding, openBidding, takeBid } from './best-bids.ts'

export interface WinnerRow {
  readonly id: number
  readonly itemName: string
  readonly seller: number
  readonly category: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
}

const NONE: readonly never[] = []

const judge = (
  known: Bidding<Auction> | null,
  event: Auction | Bid,
): readonly [Bidding<Auction>, readonly WinnerRow[]] => {
  const bidding = known ?? newBidding<Auction>()
  const changed = event.kind === 'bid' ? takeBid(bidding, event) : openBidding(bidding, event)
  const { auction, best } = bidding
  if (!changed || auction === null || best === null) return [bidding, NONE]
  const { id, itemName, seller, category } = auction
  const { bidder, price, dateTime } = best
  return [bidding, [{ id, itemName, seller, category, bidder, price, dateTime }]]
}

const isTrade = (event: NexmarkEvent): event is Auction | Bid => !isPerson(event)

/** The winning bid of each auction, as it stands. */
export const query: Query<WinnerRow> = {
  id: 'q9',
  title: 'winning bids',
  steps: (events) =>
    events.pipe(
      filter('trade', isTrade),
      keyOn('auction', auctionOf),
      statefulFlatMap('winner', judge),
      keyRm('rows'),
    ),
  about: (row) => row.id,
}
