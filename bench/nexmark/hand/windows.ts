import type { Bid } from '../model.ts'
import type { HotItemRow } from '../queries/q5-hot-items.ts'
import type { HighestBidRow } from '../queries/q7-highest-bid.ts'
import type { SessionRow } from '../queries/q11-user-sessions.ts'
import type { CountRow } from '../queries/q12-processing-time.ts'
import type { Hand } from './hand.ts'

const LENGTH = 10_000
const PANE = 2000

/** Panes of two seconds; a window is the last five of them. */
export const q5: Hand<HotItemRow> = (batches, sink) => {
  const panes: Map<number, number>[] = []
  let pane = new Map<number, number>()
  let closesAt = PANE
  const close = (): HotItemRow[] => {
    panes.push(pane)
    if (panes.length > LENGTH / PANE) panes.shift()
    pane = new Map()
    return hottest(panes, closesAt - LENGTH)
  }
  for (const batch of batches) {
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      while (event.dateTime >= closesAt) {
        sink(close())
        closesAt += PANE
      }
      pane.set(event.auction, (pane.get(event.auction) ?? 0) + 1)
    }
  }
  for (let more = 0; more < LENGTH / PANE; more += 1) {
    sink(close())
    closesAt += PANE
  }
}

const hottest = (panes: readonly Map<number, number>[], starts: number): HotItemRow[] => {
  const counts = new Map<number, number>()
  for (const pane of panes) {
    for (const [auction, bids] of pane) counts.set(auction, (counts.get(auction) ?? 0) + bids)
  }
  let rows: HotItemRow[] = []
  let most = 0
  for (const [auction, bids] of counts) {
    if (bids < most) continue
    if (bids > most) rows = []
    most = bids
    rows.push({ starts, auction, bids })
  }
  return rows
}

export const q7: Hand<HighestBidRow> = (batches, sink) => {
  let highest: Bid[] = []
  let price = 0
  let closesAt = LENGTH
  for (const batch of batches) {
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      if (event.dateTime >= closesAt) {
        sink(highest.map(highestRow))
        highest = []
        price = 0
        closesAt = (Math.floor(event.dateTime / LENGTH) + 1) * LENGTH
      }
      if (event.price > price) {
        price = event.price
        highest = [event]
      } else if (event.price === price) {
        highest.push(event)
      }
    }
  }
  sink(highest.map(highestRow))
}

const highestRow = ({ auction, price, bidder, dateTime }: Bid): HighestBidRow => ({
  auction,
  price,
  bidder,
  dateTime,
})

interface Session {
  bids: number
  first: number
  last: number
}

export const q11: Hand<SessionRow> = (batches, sink) => {
  const sessions = new Map<number, Session>()
  let sweepAt = LENGTH
  for (const batch of batches) {
    const rows: SessionRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const { bidder, dateTime } = event
      if (dateTime >= sweepAt) {
        for (const [quiet, session] of sessions) {
          if (dateTime - session.last <= LENGTH) continue
          rows.push(sessionRow(quiet, session))
          sessions.delete(quiet)
        }
        sweepAt = dateTime + 1000
      }
      const session = sessions.get(bidder)
      if (session !== undefined && dateTime - session.last <= LENGTH) {
        session.bids += 1
        session.last = dateTime
        continue
      }
      if (session !== undefined) rows.push(sessionRow(bidder, session))
      sessions.set(bidder, { bids: 1, first: dateTime, last: dateTime })
    }
    sink(rows)
  }
  sink([...sessions].map(([bidder, session]) => sessionRow(bidder, session)))
}

const sessionRow = (bidder: number, { bids, first, last }: Session): SessionRow => ({
  bidder,
  bids,
  starts: first,
  ends: last + LENGTH,
})

export const q12: Hand<CountRow> = (batches, sink) => {
  let counts = new Map<number, { bids: number }>()
  let closesAt = LENGTH
  const close = (): CountRow[] => {
    const rows: CountRow[] = []
    for (const [bidder, { bids }] of counts) {
      rows.push({ bidder, bids, starts: closesAt - LENGTH })
    }
    return rows
  }
  for (const batch of batches) {
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      if (event.dateTime >= closesAt) {
        sink(close())
        counts = new Map()
        closesAt = (Math.floor(event.dateTime / LENGTH) + 1) * LENGTH
      }
      const count = counts.get(event.bidder)
      if (count === undefined) counts.set(event.bidder, { bids: 1 })
      else count.bids += 1
    }
  }
  sink(close())
}
