import { filter, keyOn, keyRm, statefulFlatMap, statefulMap } from 'tidemark/operators'
import { type Auction, type Bid, isPerson, type NexmarkEvent } from '../model.ts'
import type { Query } from '../query.ts'
import { auctionOf, type Bidding, newBidding, openBidding, takeBid } from './best-bids.ts'

export interface AverageRow {
  readonly category: number
  readonly average: number
}

/** By how much the final prices of a category have grown, and by how many auctions. */
interface Change {
  readonly category: number
  readonly sum: number
  readonly auctions: number
}

/** What the first step keeps of an auction. */
type Sale = Pick<Auction, 'dateTime' | 'expires' | 'category'>

interface Total {
  sum: number
  auctions: number
}

const NONE: readonly never[] = []

const saleOf = ({ dateTime, expires, category }: Auction): Sale => ({ dateTime, expires, category })

const raise = (
  known: Bidding<Sale> | null,
  event: Auction | Bid,
): readonly [Bidding<Sale>, readonly Change[]] => {
  const bidding = known ?? newBidding<Sale>()
  const before = bidding.best
  const changed =
    event.kind === 'bid' ? takeBid(bidding, event) : openBidding(bidding, saleOf(event))
  const { auction, best } = bidding
  if (!changed || auction === null || best === null) return [bidding, NONE]
  const auctions = before === null ? 1 : 0
  const sum = best.price - (before?.price ?? 0)
  return [bidding, [{ category: auction.category, sum, auctions }]]
}

const average = (known: Total | null, change: Change): readonly [Total, AverageRow] => {
  const total = known ?? { sum: 0, auctions: 0 }
  total.sum += change.sum
  total.auctions += change.auctions
  const row = { category: change.category, average: Math.floor(total.sum / total.auctions) }
  return [total, row]
}

const isTrade = (event: NexmarkEvent): event is Auction | Bid => !isPerson(event)

/** The average final price of each category: a better bid takes the place of the one before. */
export const query: Query<AverageRow> = {
  id: 'q4',
  title: 'average price for a category',
  steps: (events) =>
    events.pipe(
      filter('trade', isTrade),
      keyOn('auction', auctionOf),
      statefulFlatMap('final price', raise),
      keyRm('changes'),
      keyOn('category', (change) => String(change.category)),
      statefulMap('average', average),
      keyRm('rows'),
    ),
  about: (row) => row.category,
}
