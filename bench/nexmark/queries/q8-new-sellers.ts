import { filter, filterMap, joinWindow, keyOn, TumblingWindower } from 'tidemark/operators'
import { isAuction, isPerson } from '../model.ts'
import type { Query } from '../query.ts'
import { ALIGN_TO, eventTime } from '../time.ts'

const LENGTH = 10_000

export interface NewSellerRow {
  readonly id: number
  readonly name: string
  readonly starts: number
}

/** Who signed up and put something up for auction within the same ten seconds. */
export const query: Query<NewSellerRow> = {
  id: 'q8',
  title: 'monitor new users',
  steps: (events) => {
    const person = events.pipe(
      filter('people', isPerson),
      keyOn('id', ({ id }) => String(id)),
    )
    const auction = events.pipe(
      filter('auctions', isAuction),
      keyOn('seller', ({ seller }) => String(seller)),
    )
    const { down } = joinWindow(
      'new sellers',
      { person, auction },
      {
        clock: eventTime(),
        windower: new TumblingWindower({ length: LENGTH, alignTo: ALIGN_TO }),
        insertMode: 'first',
        ordered: false,
      },
    )
    return down.pipe(
      filterMap('rows', ([, [window, { person, auction }]]) => {
        if (person === null || auction === null) return null
        return { id: person.id, name: person.name, starts: ALIGN_TO + window * LENGTH }
      }),
    )
  },
}
