import { filter, filterMap, foldWindow, keyOn, TumblingWindower } from 'tidemark/operators'
import { type Auction, isBid, type NexmarkEvent, type Person } from '../model.ts'
import type { Query } from '../query.ts'
import { ALIGN_TO, eventTime } from '../time.ts'

const LENGTH = 10_000

export interface NewSellerRow {
  readonly id: number
  readonly name: string
  readonly starts: number
}

/** What a person has done within a window. */
interface Doings {
  /** The name of who signed up. */
  name: string | null
  sells: boolean
}

const note = (doings: Doings, event: Person | Auction): Doings => {
  if (event.kind === 'person') doings.name = event.name
  else doings.sells = true
  return doings
}

const isDoing = (event: NexmarkEvent): event is Person | Auction => !isBid(event)

const personOf = (event: Person | Auction): string =>
  String(event.kind === 'person' ? event.id : event.seller)

/** Who signed up and put something up for auction within the same ten seconds. */
export const query: Query<NewSellerRow> = {
  id: 'q8',
  title: 'monitor new users',
  steps: (events) => {
    const { down } = events.pipe(
      filter('doings', isDoing),
      keyOn('person', personOf),
      foldWindow('new sellers', {
        clock: eventTime<Person | Auction>(),
        windower: new TumblingWindower({ length: LENGTH, alignTo: ALIGN_TO }),
        init: (): Doings => ({ name: null, sells: false }),
        fold: note,
        ordered: false,
      }),
    )
    return down.pipe(
      filterMap('rows', ([person, [window, { name, sells }]]) => {
        if (name === null || !sells) return null
        return { id: Number(person), name, starts: ALIGN_TO + window * LENGTH }
      }),
    )
  },
}
