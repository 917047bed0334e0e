import { filter, map } from 'tidemark/operators'
import { isBid } from '../model.ts'
import type { Query } from '../query.ts'
import type { BidRow } from './q0-pass-through.ts'

/** What a dollar is in euros, in thousandths, so that prices stay whole numbers. */
const EUROS = 908

/** Every bid, its price in thousandths of a euro cent. */
export const query: Query<BidRow> = {
  id: 'q1',
  title: 'currency conversion',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      map('euros', ({ auction, bidder, price, dateTime, extra }) => ({
        auction,
        bidder,
        price: price * EUROS,
        dateTime,
        extra,
      })),
    ),
}
