import { filter, keyOn, keyRm, statefulFlatMap } from 'tidemark/operators'
import { type Bid, isBid } from '../model.ts'
import type { Query } from '../query.ts'

const NONE: readonly never[] = []

const isLater = (bid: Bid, last: Bid): boolean =>
  bid.dateTime > last.dateTime || (bid.dateTime === last.dateTime && bid.number > last.number)

const keepLast = (last: Bid | null, bid: Bid): readonly [Bid, readonly Bid[]] =>
  last === null || isLater(bid, last) ? [bid, [bid]] : [last, NONE]

/** The last bid of each person in each auction. */
export const query: Query<Bid> = {
  id: 'q18',
  title: 'last bid',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      keyOn('bidder and auction', (bid) => `${bid.bidder} ${bid.auction}`),
      statefulFlatMap('last', keepLast),
      keyRm('rows'),
    ),
  about: (bid) => `${bid.bidder} ${bid.auction}`,
}
