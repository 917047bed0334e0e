import type { Auction, Bid } from '../model.ts'
import type { LocalItemRow } from '../queries/q3-local-items.ts'
import type { AverageRow } from '../queries/q4-category-average.ts'
import type { NewSellerRow } from '../queries/q8-new-sellers.ts'
import type { WinnerRow } from '../queries/q9-winning-bids.ts'
import type { ExpandedRow } from '../queries/q20-expand-bid.ts'
import type { Hand } from './hand.ts'

interface Seller {
  readonly name: string
  readonly city: string
  readonly state: string
}

export const q3: Hand<LocalItemRow> = (batches, sink) => {
  const sellers = new Map<number, Seller>()
  const waiting = new Map<number, number[]>()
  for (const batch of batches) {
    const rows: LocalItemRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind === 'auction') {
        if (event.category !== 10) continue
        const { id, seller: person } = event
        const seller = sellers.get(person)
        if (seller !== undefined) {
          rows.push({ name: seller.name, city: seller.city, state: seller.state, id })
          continue
        }
        const others = waiting.get(person)
        if (others === undefined) waiting.set(person, [id])
        else others.push(id)
      } else if (event?.kind === 'person') {
        const { name, city, state } = event
        if (state !== 'OR' && state !== 'ID' && state !== 'CA') continue
        sellers.set(event.id, { name, city, state })
        const ids = waiting.get(event.id)
        if (ids === undefined) continue
        for (const id of ids) rows.push({ name, city, state, id })
        waiting.delete(event.id)
      }
    }
    sink(rows)
  }
}

interface Lot {
  auction: Auction | null
  best: Bid | null
  waiting: Bid[] | null
}

/** Whether the bid is the best one now. */
const bidFor = (lot: Lot, bid: Bid): boolean => {
  const { auction, best } = lot
  if (auction === null) {
    if (lot.waiting === null) lot.waiting = [bid]
    else lot.waiting.push(bid)
    return false
  }
  if (bid.dateTime < auction.dateTime || bid.dateTime > auction.expires) return false
  if (best !== null && (bid.price < best.price || isNoEarlier(bid, best))) return false
  lot.best = bid
  return true
}

const isNoEarlier = (bid: Bid, best: Bid): boolean =>
  bid.price === best.price && bid.number > best.number

const openLot = (lot: Lot, auction: Auction): boolean => {
  lot.auction = auction
  let changed = false
  if (lot.waiting !== null) for (const bid of lot.waiting) changed = bidFor(lot, bid) || changed
  lot.waiting = null
  return changed
}

export const q4: Hand<AverageRow> = (batches, sink) => {
  const lots = new Map<number, Lot>()
  const totals = new Map<number, { sum: number; auctions: number }>()
  for (const batch of batches) {
    const rows: AverageRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event === undefined || event.kind === 'person') continue
      const id = event.kind === 'bid' ? event.auction : event.id
      let lot = lots.get(id)
      if (lot === undefined) {
        lot = { auction: null, best: null, waiting: null }
        lots.set(id, lot)
      }
      const before = lot.best
      const changed = event.kind === 'bid' ? bidFor(lot, event) : openLot(lot, event)
      if (!changed || lot.auction === null || lot.best === null) continue
      const { category } = lot.auction
      let total = totals.get(category)
      if (total === undefined) {
        total = { sum: 0, auctions: 0 }
        totals.set(category, total)
      }
      if (before === null) total.auctions += 1
      else total.sum -= before.price
      total.sum += lot.best.price
      rows.push({ category, average: Math.floor(total.sum / total.auctions) })
    }
    sink(rows)
  }
}

export const q8: Hand<NewSellerRow> = (batches, sink) => {
  let closesAt = 10_000
  let people = new Map<number, string>()
  let sellers = new Set<number>()
  const close = (): NewSellerRow[] => {
    const rows: NewSellerRow[] = []
    for (const [id, name] of people) {
      if (sellers.has(id)) rows.push({ id, name, starts: closesAt - 10_000 })
    }
    return rows
  }
  for (const batch of batches) {
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event === undefined || event.kind === 'bid') continue
      if (event.dateTime >= closesAt) {
        sink(close())
        people = new Map()
        sellers = new Set()
        closesAt = (Math.floor(event.dateTime / 10_000) + 1) * 10_000
      }
      if (event.kind === 'person') people.set(event.id, event.name)
      else sellers.add(event.seller)
    }
  }
  sink(close())
}

export const q9: Hand<WinnerRow> = (batches, sink) => {
  const lots = new Map<number, Lot>()
  for (const batch of batches) {
    const rows: WinnerRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event === undefined || event.kind === 'person') continue
      const id = event.kind === 'bid' ? event.auction : event.id
      let lot = lots.get(id)
      if (lot === undefined) {
        lot = { auction: null, best: null, waiting: null }
        lots.set(id, lot)
      }
      const changed = event.kind === 'bid' ? bidFor(lot, event) : openLot(lot, event)
      if (!changed || lot.auction === null || lot.best === null) continue
      const { itemName, seller, category } = lot.auction
      const { bidder, price, dateTime } = lot.best
      rows.push({ id, itemName, seller, category, bidder, price, dateTime })
    }
    sink(rows)
  }
}

interface Known {
  item: Auction | 'other' | null
  waiting: Bid[] | null
}

export const q20: Hand<ExpandedRow> = (batches, sink) => {
  const items = new Map<number, Known>()
  for (const batch of batches) {
    const rows: ExpandedRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event === undefined || event.kind === 'person') continue
      const id = event.kind === 'bid' ? event.auction : event.id
      let known = items.get(id)
      if (known === undefined) {
        known = { item: null, waiting: null }
        items.set(id, known)
      }
      if (event.kind === 'bid') {
        if (known.item === null) {
          if (known.waiting === null) known.waiting = [event]
          else known.waiting.push(event)
        } else if (known.item !== 'other') {
          rows.push(expanded(event, known.item))
        }
        continue
      }
      known.item = event.category === 10 ? event : 'other'
      if (known.item !== 'other' && known.waiting !== null) {
        for (const bid of known.waiting) rows.push(expanded(bid, event))
      }
      known.waiting = null
    }
    sink(rows)
  }
}

const expanded = (
  { auction, bidder, price, dateTime }: Bid,
  { itemName, seller, expires }: Auction,
): ExpandedRow => ({ auction, bidder, price, bidTime: dateTime, itemName, seller, expires })
