import { filter, keyOn, map, topN } from 'tidemark/operators'
import { type Bid, isBid } from '../model.ts'
import type { Query } from '../query.ts'

export interface TopRow {
  readonly auction: number
  /** The highest first. */
  readonly bids: readonly Bid[]
}

const TOP = 10

/** The ten highest bids of each auction, as they stand. */
export const query: Query<TopRow> = {
  id: 'q19',
  title: 'auction top ten',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      keyOn('auction', (bid) => String(bid.auction)),
      topN('top', TOP, (bid) => bid.price, { emit: 'change' }),
      map('rows', ([auction, bids]) => ({ auction: Number(auction), bids })),
    ),
  about: (row) => row.auction,
}
