import { filter, foldWindow, keyOn, map, SessionWindower } from 'tidemark/operators'
import { type Bid, isBid } from '../model.ts'
import type { Query } from '../query.ts'
import { eventTime } from '../time.ts'

const GAP = 10_000

export interface SessionRow {
  readonly bidder: number
  readonly bids: number
  readonly starts: number
  readonly ends: number
}

interface Session {
  bids: number
  first: number
  last: number
}

const newSession = (): Session => ({
  bids: 0,
  first: Number.POSITIVE_INFINITY,
  last: Number.NEGATIVE_INFINITY,
})

const addBid = (session: Session, { dateTime }: Bid): Session => {
  session.bids += 1
  if (dateTime < session.first) session.first = dateTime
  if (dateTime > session.last) session.last = dateTime
  return session
}

const mergeSessions = (into: Session, from: Session): Session => {
  into.bids += from.bids
  into.first = Math.min(into.first, from.first)
  into.last = Math.max(into.last, from.last)
  return into
}

/** How often each person bids without a break of more than ten seconds. */
export const query: Query<SessionRow> = {
  id: 'q11',
  title: 'user sessions',
  steps: (events) => {
    const { down } = events.pipe(
      filter('bids', isBid),
      keyOn('bidder', (bid) => String(bid.bidder)),
      foldWindow('sessions', {
        clock: eventTime<Bid>(),
        windower: new SessionWindower({ gap: GAP }),
        init: newSession,
        fold: addBid,
        merge: mergeSessions,
        ordered: false,
      }),
    )
    return down.pipe(
      map('rows', ([bidder, [, { bids, first, last }]]) => ({
        bidder: Number(bidder),
        bids,
        starts: first,
        ends: last + GAP,
      })),
    )
  },
}
