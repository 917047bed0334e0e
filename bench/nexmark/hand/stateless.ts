import type { BidRow } from '../queries/q0-pass-through.ts'
import type { PriceRow } from '../queries/q2-selection.ts'
import type { EnrichedRow } from '../queries/q13-side-input.ts'
import type { CalculatedRow } from '../queries/q14-calculation.ts'
import type { ChannelIdRow } from '../queries/q21-channel-id.ts'
import type { DirectoriesRow } from '../queries/q22-url-directories.ts'
import type { Hand } from './hand.ts'

export const q0: Hand<BidRow> = (batches, sink) => {
  for (const batch of batches) {
    const rows: BidRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const { auction, bidder, price, dateTime, extra } = event
      rows.push({ auction, bidder, price, dateTime, extra })
    }
    sink(rows)
  }
}

export const q1: Hand<BidRow> = (batches, sink) => {
  for (const batch of batches) {
    const rows: BidRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const { auction, bidder, price, dateTime, extra } = event
      rows.push({ auction, bidder, price: price * 908, dateTime, extra })
    }
    sink(rows)
  }
}

export const q2: Hand<PriceRow> = (batches, sink) => {
  for (const batch of batches) {
    const rows: PriceRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid' || event.auction % 123 !== 0) continue
      rows.push({ auction: event.auction, price: event.price })
    }
    sink(rows)
  }
}

const SIDE: ReadonlyMap<number, string> = new Map(
  Array.from({ length: 10_000 }, (_, key) => [key, String(key)]),
)

export const q13: Hand<EnrichedRow> = (batches, sink) => {
  for (const batch of batches) {
    const rows: EnrichedRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const { auction, bidder, price, dateTime } = event
      rows.push({ auction, bidder, price, dateTime, value: SIDE.get(auction % 10_000) ?? '' })
    }
    sink(rows)
  }
}

export const q14: Hand<CalculatedRow> = (batches, sink) => {
  for (const batch of batches) {
    const rows: CalculatedRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const { auction, bidder, dateTime, extra } = event
      const price = event.price * 908
      if (!(price > 1e9 && price < 5e10)) continue
      const hour = Math.floor(dateTime / 3_600_000) % 24
      let bidTimeType: CalculatedRow['bidTimeType'] = 'otherTime'
      if (hour >= 8 && hour <= 18) bidTimeType = 'dayTime'
      else if (hour <= 6 || hour >= 20) bidTimeType = 'nightTime'
      let letters = 0
      for (let at = 0; at < extra.length; at += 1) if (extra.charCodeAt(at) === 99) letters += 1
      rows.push({ auction, bidder, price, bidTimeType, dateTime, letters })
    }
    sink(rows)
  }
}

const CHANNEL_ID = /(?:&|^)channel_id=([^&]*)/
const HOT = new Map([
  ['apple', '0'],
  ['google', '1'],
  ['facebook', '2'],
  ['baidu', '3'],
])

export const q21: Hand<ChannelIdRow> = (batches, sink) => {
  for (const batch of batches) {
    const rows: ChannelIdRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const { auction, bidder, price, channel, url } = event
      const channelId = HOT.get(channel.toLowerCase()) ?? CHANNEL_ID.exec(url)?.[1]
      if (channelId !== undefined) rows.push({ auction, bidder, price, channel, channelId })
    }
    sink(rows)
  }
}

export const q22: Hand<DirectoriesRow> = (batches, sink) => {
  for (const batch of batches) {
    const rows: DirectoriesRow[] = []
    for (let i = 0; i < batch.length; i += 1) {
      const event = batch[i]
      if (event?.kind !== 'bid') continue
      const { auction, bidder, price, channel, url } = event
      const [, , , dir1 = '', dir2 = '', dir3 = ''] = url.split('/')
      rows.push({ auction, bidder, price, channel, dir1, dir2, dir3 })
    }
    sink(rows)
  }
}
