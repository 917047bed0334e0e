import { filter, map } from 'tidemark/operators'
import { isBid } from '../model.ts'
import type { Query } from '../query.ts'

export interface PriceRow {
  readonly auction: number
  readonly price: number
}

/** The prices bid in some auctions. */
export const query: Query<PriceRow> = {
  id: 'q2',
  title: 'selection',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      filter('some', (bid) => bid.auction % 123 === 0),
      map('price', ({ auction, price }) => ({ auction, price })),
    ),
}
