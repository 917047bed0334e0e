import { StatefulLogic } from 'tidemark'
import { filter, keyOn, keyRm, stateful } from 'tidemark/operators'
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

type Known = Pick<Person, 'name' | 'city' | 'state'>

/** A seller, once known, and the auctions that came before. */
interface Selling {
  readonly person: Known | null
  readonly waiting: readonly number[]
}

const NONE: readonly never[] = []

const isWanted = (event: NexmarkEvent): event is Person | Auction =>
  event.kind === 'auction'
    ? event.category === CATEGORY
    : event.kind === 'person' && STATES.has(event.state)

const personOf = (event: Person | Auction): string =>
  String(event.kind === 'auction' ? event.seller : event.id)

const rowOf = ({ name, city, state }: Known, id: number): LocalItemRow => ({
  name,
  city,
  state,
  id,
})

/** A seller and what they sell: either may come first. */
class Seller extends StatefulLogic<Person | Auction, LocalItemRow, Selling> {
  #person: Known | null
  #waiting: number[] | null

  constructor(resume: Selling | null) {
    super()
    this.#person = resume?.person ?? null
    this.#waiting = resume === null || resume.waiting.length === 0 ? null : [...resume.waiting]
  }

  override onItem(event: Person | Auction): readonly LocalItemRow[] {
    return event.kind === 'auction' ? this.#onAuction(event) : this.#onPerson(event)
  }

  override snapshot(): Selling {
    return { person: this.#person, waiting: this.#waiting ?? NONE }
  }

  #onAuction({ id }: Auction): readonly LocalItemRow[] {
    if (this.#person !== null) return [rowOf(this.#person, id)]
    if (this.#waiting === null) this.#waiting = [id]
    else this.#waiting.push(id)
    return NONE
  }

  #onPerson({ name, city, state }: Person): readonly LocalItemRow[] {
    const person = { name, city, state }
    const waiting = this.#waiting
    this.#person = person
    this.#waiting = null
    return waiting === null ? NONE : waiting.map((id) => rowOf(person, id))
  }
}

/** Who sells things of a category in some states: two sides, either of which may come first. */
export const query: Query<LocalItemRow> = {
  id: 'q3',
  title: 'local item suggestion',
  steps: (events) =>
    events.pipe(
      filter('wanted', isWanted),
      keyOn('person', personOf),
      stateful('local items', (resume: Selling | null) => new Seller(resume)),
      keyRm('rows'),
    ),
}
