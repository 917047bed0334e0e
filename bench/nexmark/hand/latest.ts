import type { Bid } from '../model.ts'
import type { TopRow } from '../queries/q19-top-bids.ts'
import type { Hand } from './hand.ts'

/** More than there are auctions, so that a person and an auction make one number. */
const AUCTIONS = 2 ** 24

export const q18: Hand<Bid> = (batches, sink) => {
  const last = new Map<number, Bid>()
  for (const batch of batches) {
    const rows: Bid[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const pair = event.bidder * AUCTIONS + event.auction
      const before = last.get(pair)
      if (before !== undefined && before.number > event.number) continue
      last.set(pair, event)
      rows.push(event)
    }
    sink(rows)
  }
}

const TOP = 10

export const q19: Hand<TopRow> = (batches, sink) => {
  const tops = new Map<number, Bid[]>()
  for (const batch of batches) {
    const rows: TopRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const { auction, price } = event
      let top = tops.get(auction)
      if (top === undefined) {
        top = []
        tops.set(auction, top)
      }
      let at = top.length
      while (at > 0 && (top[at - 1] as Bid).price < price) at -= 1
      if (at >= TOP) continue
      top.splice(at, 0, event)
      if (top.length > TOP) top.pop()
      rows.push({ auction, bids: top.slice() })
    }
    sink(rows)
  }
}
