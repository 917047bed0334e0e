import {
  type Clock,
  countWindow,
  filter,
  map,
  SystemClock,
  TumblingWindower,
} from 'tidemark/operators'
import { type Bid, isBid } from '../model.ts'
import type { Query } from '../query.ts'
import { ALIGN_TO, eventTime } from '../time.ts'

const LENGTH = 10_000

export interface CountRow {
  readonly bidder: number
  readonly bids: number
  readonly starts: number
}

const counting = (clock: Clock<Bid, unknown>): Query<CountRow>['steps'] => {
  return (events) => {
    const { down } = events.pipe(
      filter('bids', isBid),
      countWindow('bids by bidder', {
        clock,
        windower: new TumblingWindower({ length: LENGTH, alignTo: ALIGN_TO }),
        key: (bid) => String(bid.bidder),
      }),
    )
    return down.pipe(
      map('rows', ([bidder, [window, bids]]) => ({
        bidder: Number(bidder),
        bids,
        starts: ALIGN_TO + window * LENGTH,
      })),
    )
  }
}

/** How often each person bids in ten seconds of event time: the same windows, and one right answer. */
export const query: Query<CountRow> = {
  id: 'q12',
  title: 'windows by event time',
  steps: counting(eventTime<Bid>()),
}

/** The query as it is meant: ten seconds by the wall, so that no two runs need say the same. */
export const byWallClock: Query<CountRow> = {
  id: 'q12-wall',
  title: 'windows by processing time',
  steps: counting(new SystemClock()),
}
