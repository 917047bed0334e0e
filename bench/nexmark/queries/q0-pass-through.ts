import { filter, map } from 'tidemark/operators'
import { isBid } from '../model.ts'
import type { Query } from '../query.ts'

export interface BidRow {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
  readonly extra: string
}

/** Every bid, as it is: what moving rows alone costs. */
export const query: Query<BidRow> = {
  id: 'q0',
  title: 'pass through',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      map('row', ({ auction, bidder, price, dateTime, extra }) => ({
        auction,
        bidder,
        price,
        dateTime,
        extra,
      })),
    ),
}
