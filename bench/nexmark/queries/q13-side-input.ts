import { enrichCached, filter } from 'tidemark/operators'
import { isBid } from '../model.ts'
import type { Query } from '../query.ts'

export interface EnrichedRow {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
  readonly value: string
}

/** Keys of the side table. */
const KEYS = 10_000

const table: ReadonlyMap<number, string> = new Map(
  Array.from({ length: KEYS }, (_, key) => [key, String(key)]),
)

const lookUp = (key: number): string | undefined => table.get(key)

/** Every bid with what a bounded table outside the flow says of it. */
export const query: Query<EnrichedRow> = {
  id: 'q13',
  title: 'bounded side input join',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      enrichCached('side', lookUp, (side, { auction, bidder, price, dateTime }) => ({
        auction,
        bidder,
        price,
        dateTime,
        value: side.get(auction % KEYS) ?? '',
      })),
    ),
}
