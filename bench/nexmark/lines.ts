import type { NexmarkEvent } from './model.ts'

/** The events as other systems are given them: what their queries read, a line each. */
export const eventLines = (batches: readonly (readonly NexmarkEvent[])[]): string[] =>
  batches.flatMap((batch) => batch.map((event) => fieldsOf(event).join('\t')))

const fieldsOf = (event: NexmarkEvent): readonly (string | number)[] => {
  const { number, dateTime } = event
  switch (event.kind) {
    case 'person':
      return ['p', number, dateTime, event.id, event.name, event.city, event.state]
    case 'auction': {
      const { id, itemName, category, seller, expires } = event
      return ['a', number, dateTime, id, itemName, category, seller, expires]
    }
    case 'bid':
      return ['b', number, dateTime, event.auction, event.bidder, event.price, event.extra]
  }
}
