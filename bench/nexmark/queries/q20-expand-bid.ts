import { StatefulLogic } from 'tidemark'
import { filter, keyOn, keyRm, stateful } from 'tidemark/operators'
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
  readonly item: Item | 'other' | null
  readonly waiting: readonly Bid[]
}

const NONE: readonly never[] = []

const rowOf = (
  { auction, bidder, price, dateTime }: Bid,
  { itemName, seller, expires }: Item,
): ExpandedRow => ({ auction, bidder, price, bidTime: dateTime, itemName, seller, expires })

/** One auction: its bids meet it, whichever came first. */
class Expansion extends StatefulLogic<Auction | Bid, ExpandedRow, Known> {
  #item: Item | 'other' | null
  #waiting: Bid[] | null

  constructor(resume: Known | null) {
    super()
    this.#item = resume?.item ?? null
    this.#waiting = resume === null || resume.waiting.length === 0 ? null : [...resume.waiting]
  }

  override onItem(event: Auction | Bid): readonly ExpandedRow[] {
    return event.kind === 'bid' ? this.#onBid(event) : this.#onAuction(event)
  }

  override snapshot(): Known {
    return { item: this.#item, waiting: this.#waiting ?? NONE }
  }

  #onBid(bid: Bid): readonly ExpandedRow[] {
    const item = this.#item
    if (item === 'other') return NONE
    if (item !== null) return [rowOf(bid, item)]
    if (this.#waiting === null) this.#waiting = [bid]
    else this.#waiting.push(bid)
    return NONE
  }

  #onAuction({ category, itemName, seller, expires }: Auction): readonly ExpandedRow[] {
    const waiting = this.#waiting ?? NONE
    this.#waiting = null
    if (category !== CATEGORY) {
      this.#item = 'other'
      return NONE
    }
    const item = { itemName, seller, expires }
    this.#item = item
    return waiting.map((bid) => rowOf(bid, item))
  }
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
      stateful('expanded', (resume: Known | null) => new Expansion(resume)),
      keyRm('rows'),
    ),
}
