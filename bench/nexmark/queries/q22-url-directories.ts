import { filter, map } from 'tidemark/operators'
import { isBid } from '../model.ts'
import type { Query } from '../query.ts'

export interface DirectoriesRow {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly dir1: string
  readonly dir2: string
  readonly dir3: string
}

/** The directories of a bid's address. */
export const query: Query<DirectoriesRow> = {
  id: 'q22',
  title: 'get URL directories',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      map('row', ({ auction, bidder, price, channel, url }) => {
        const [, , , dir1 = '', dir2 = '', dir3 = ''] = url.split('/')
        return { auction, bidder, price, channel, dir1, dir2, dir3 }
      }),
    ),
}
