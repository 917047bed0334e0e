import { filter, keyOn, keyRm, statefulFlatMap } from 'tidemark/operators'
import { type Auction, type Bid, isPerson, type NexmarkEvent } from '../model.ts'
import type { Query } from '../query.ts'
import { auctionOf } from './best-bids.ts'

export interface ExpandedRow {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly bidTime: number
  readonly itemName: string
  readonly seller: number
  readonly expires: number
}

const CATEGORY = 10

type Item = Pick<Auction, 'itemName' | 'seller' | 'expires'>

/** The auction, or that it is of another category, or the bids that came before it. */
interface Known {
  item: Item | 'other' | null
  waiting: Bid[]
}

const NONE: readonly never[] = []

const rowOf = (
  { auction, bidder, price, dateTime }: Bid,
  { itemName, seller, expires }: Item,
): ExpandedRow => ({ auction, bidder, price, bidTime: dateTime, itemName, seller, expires })

const expand = (
  before: Known | null,
  event: Auction | Bid,
): readonly [Known, readonly ExpandedRow[]] => {
  const known = before ?? { item: null, waiting: [] }
  const { item } = known
  if (event.kind === 'bid') {
    if (item === 'other') return [known, NONE]
    if (item !== null) return [known, [rowOf(event, item)]]
    known.waiting.push(event)
    return [known, NONE]
  }
  const { waiting } = known
  known.waiting = []
  if (event.category !== CATEGORY) {
    known.item = 'other'
    return [known, NONE]
  }
  const { itemName, seller, expires } = event
  const found = { itemName, seller, expires }
  known.item = found
  return [known, waiting.map((bid) => rowOf(bid, found))]
}

const isTrade = (event: NexmarkEvent): event is Auction | Bid => !isPerson(event)

/** Bids with what they are for, in one category. */
export const query: Query<ExpandedRow> = {
  id: 'q20',
  title: 'expand bid with auction',
  steps: (events) =>
    events.pipe(
      filter('trade', isTrade),
      keyOn('auction', auctionOf),
      statefulFlatMap('expanded', expand),
      keyRm('rows'),
    ),
}
