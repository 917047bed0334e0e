import { filter, map } from 'tidemark/operators'
import { type Bid, isBid } from '../model.ts'
import type { Query } from '../query.ts'

export interface CalculatedRow {
  readonly auction: number
  readonly bidder: number
  /** Thousandths of a euro cent. */
  readonly price: number
  readonly bidTimeType: 'dayTime' | 'nightTime' | 'otherTime'
  readonly dateTime: number
  readonly letters: number
}

const EUROS = 908
const CHEAP = 1e6 * 1000
const DEAR = 5e7 * 1000
const HOUR = 3_600_000
const C = 'c'.charCodeAt(0)

const isMiddling = ({ price }: Bid): boolean => price * EUROS > CHEAP && price * EUROS < DEAR

const timeType = (dateTime: number): CalculatedRow['bidTimeType'] => {
  const hour = Math.floor(dateTime / HOUR) % 24
  if (hour >= 8 && hour <= 18) return 'dayTime'
  return hour <= 6 || hour >= 20 ? 'nightTime' : 'otherTime'
}

const countLetters = (text: string): number => {
  let count = 0
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) === C) count += 1
  return count
}

/** Bids of a middling price: what time of day it was, and how often a letter occurs. */
export const query: Query<CalculatedRow> = {
  id: 'q14',
  title: 'calculation',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      filter('middling', isMiddling),
      map('row', ({ auction, bidder, price, dateTime, extra }) => ({
        auction,
        bidder,
        price: price * EUROS,
        bidTimeType: timeType(dateTime),
        dateTime,
        letters: countLetters(extra),
      })),
    ),
}
