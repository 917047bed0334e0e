/** What an auction house sees: people sign up, they put things up for auction, and they bid. */

interface Numbered {
  /** The event's place among all events: tells apart what happened in one millisecond. */
  readonly number: number
}

export interface Person extends Numbered {
  readonly kind: 'person'
  readonly id: number
  readonly name: string
  readonly emailAddress: string
  readonly creditCard: string
  readonly city: string
  readonly state: string
  /** Epoch milliseconds, as every time here. */
  readonly dateTime: number
  readonly extra: string
}

export interface Auction extends Numbered {
  readonly kind: 'auction'
  readonly id: number
  readonly itemName: string
  readonly description: string
  /** Cents, as every price here. */
  readonly initialBid: number
  readonly reserve: number
  readonly dateTime: number
  readonly expires: number
  /** A person's id. */
  readonly seller: number
  readonly category: number
  readonly extra: string
}

export interface Bid extends Numbered {
  readonly kind: 'bid'
  /** An auction's id. */
  readonly auction: number
  /** A person's id. */
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly url: string
  readonly dateTime: number
  readonly extra: string
}

export type NexmarkEvent = Person | Auction | Bid

export const isPerson = (event: NexmarkEvent): event is Person => event.kind === 'person'
export const isBid = (event: NexmarkEvent): event is Bid => event.kind === 'bid'
