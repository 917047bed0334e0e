import { filter, keyOn, keyRm, statefulFlatMap } from 'tidemark/operators'
import type { Auction, NexmarkEvent, Person } from '../model.ts'
import type { Query } from '../query.ts'

export interface LocalItemRow {
  readonly name: string
  readonly city: string
  readonly state: string
  /** The auction's. */
  readonly id: number
}

const CATEGORY = 10
const STATES = new Set(['OR', 'ID', 'CA'])

/** A seller, once known, and the auctions that came before. */
interface Seller {
  person: { readonly name: string; readonly city: string; readonly state: string } | null
  waiting: number[]
}

const NONE: readonly never[] = []

const isWanted = (event: NexmarkEvent): event is Person | Auction =>
  event.kind === 'auction'
    ? event.category === CATEGORY
    : event.kind === 'person' && STATES.has(event.state)

const personOf = (event: Person | Auction): string =>
  String(event.kind === 'auction' ? event.seller : event.id)

const meet = (
  known: Seller | null,
  event: Person | Auction,
): readonly [Seller, readonly LocalItemRow[]] => {
  const seller = known ?? { person: null, waiting: [] }
  if (event.kind === 'auction') {
    if (seller.person !== null) return [seller, [{ ...seller.person, id: event.id }]]
    seller.waiting.push(event.id)
    return [seller, NONE]
  }
  const { name, city, state } = event
  const rows = seller.waiting.map((id) => ({ name, city, state, id }))
  seller.person = { name, city, state }
  seller.waiting = []
  return [seller, rows]
}

/** Who sells things of a category in some states: two sides, either of which may come first. */
export const query: Query<LocalItemRow> = {
  id: 'q3',
  title: 'local item suggestion',
  steps: (events) =>
    events.pipe(
      filter('wanted', isWanted),
      keyOn('person', personOf),
      statefulFlatMap('local items', meet),
      keyRm('rows'),
    ),
}
