import { filter, keyOn, keyRm, statefulFlatMap } from 'tidemark/operators'
import { type Bid, isBid } from '../model.ts'
import type { Query } from '../query.ts'

/** The last bid of each person in one auction. */
type Lasts = Map<number, Bid>

const NONE: readonly never[] = []

const isLater = (bid: Bid, last: Bid): boolean =>
  bid.dateTime > last.dateTime || (bid.dateTime === last.dateTime && bid.number > last.number)

const keepLast = (known: Lasts | null, bid: Bid): readonly [Lasts, readonly Bid[]] => {
  const lasts: Lasts = known ?? new Map()
  const last = lasts.get(bid.bidder)
  if (last !== undefined && !isLater(bid, last)) return [lasts, NONE]
  lasts.set(bid.bidder, bid)
  return [lasts, [bid]]
}

/** The last bid of each person in each auction; an auction is a key, as few people bid for it. */
export const query: Query<Bid> = {
  id: 'q18',
  title: 'last bid',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      keyOn('auction', (bid) => String(bid.auction)),
      statefulFlatMap('last', keepLast),
      keyRm('rows'),
    ),
  about: (bid) => `${bid.bidder} ${bid.auction}`,
}
