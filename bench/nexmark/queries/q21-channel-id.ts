import { filter, filterMap } from 'tidemark/operators'
import { isBid } from '../model.ts'
import type { Query } from '../query.ts'

export interface ChannelIdRow {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly channelId: string
}

const ID = /(?:&|^)channel_id=([^&]*)/

const channelIdOf = (channel: string, url: string): string | null => {
  switch (channel.toLowerCase()) {
    case 'apple':
      return '0'
    case 'google':
      return '1'
    case 'facebook':
      return '2'
    case 'baidu':
      return '3'
    default:
      return ID.exec(url)?.[1] ?? null
  }
}

/** The id of a bid's channel, where it has one. */
export const query: Query<ChannelIdRow> = {
  id: 'q21',
  title: 'add channel id',
  steps: (events) =>
    events.pipe(
      filter('bids', isBid),
      filterMap('row', ({ auction, bidder, price, channel, url }) => {
        const channelId = channelIdOf(channel, url)
        return channelId === null ? null : { auction, bidder, price, channel, channelId }
      }),
    ),
}
