import {
  filter,
  flatMap,
  foldWindow,
  keyOn,
  keyRm,
  TumblingWindower,
  WatermarkClock,
} from 'tidemark/operators'
import { type Bid, isBid } from '../model.ts'
import type { Query } from '../query.ts'
import { ALIGN_TO, eventTime } from '../time.ts'

export interface HighestBidRow {
  readonly auction: number
  readonly price: number
  readonly bidder: number
  readonly dateTime: number
}

/** Bidders are split into so many groups, each with a highest bid of its own at first. */
const GROUPS = 16

const LENGTH = 10_000
const windower = new TumblingWindower({ length: LENGTH, alignTo: ALIGN_TO })

/** The highest bids of a group in a window. */
type Candidates = readonly [window: number, bids: Bid[]]

/**
 * The last instant of a window. When a group's window closes time has come to its end, so that its
 * bids are late by their own time; by this one they meet those of the other groups.
 */
const lastInstant = ([window]: Candidates): number => ALIGN_TO + (window + 1) * LENGTH - 1

const none = (): Bid[] => []

const keepHighest = (highest: Bid[], bid: Bid): Bid[] => {
  const best = highest[0]
  if (best === undefined || bid.price > best.price) return [bid]
  if (bid.price === best.price) highest.push(bid)
  return highest
}

const keepHighestOf = (highest: Bid[], [, bids]: Candidates): Bid[] =>
  bids.reduce(keepHighest, highest)

/** The highest bid of every ten seconds: first of each group, so that workers share the load. */
export const query: Query<HighestBidRow> = {
  id: 'q7',
  title: 'highest bid',
  steps: (events) => {
    const groups = events.pipe(
      filter('bids', isBid),
      keyOn('group', (bid) => String(bid.bidder % GROUPS)),
      foldWindow('highest of a group', {
        clock: eventTime<Bid>(),
        windower,
        init: none,
        fold: keepHighest,
        ordered: false,
      }),
    )
    const { down } = groups.down.pipe(
      keyRm('groups'),
      keyOn('all', () => 'all'),
      foldWindow('highest', {
        clock: new WatermarkClock({ timestamp: lastInstant }),
        windower,
        init: none,
        fold: keepHighestOf,
        ordered: false,
      }),
    )
    return down.pipe(
      keyRm('windows'),
      flatMap('rows', ([, bids]) =>
        bids.map(({ auction, price, bidder, dateTime }) => ({ auction, price, bidder, dateTime })),
      ),
    )
  },
}
