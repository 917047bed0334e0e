import type { DateTime } from 'luxon'
import { codeClass } from '../../lib/codec/coded-classes.ts'
import { dateTimeOf } from '../../lib/time/luxon.ts'

/** What is known of a window when it closes. */
export interface WindowMetadata {
  /** The first instant that belongs to the window, UTC. */
  readonly openTime: DateTime
  /** The first instant after the window; of a session, the time of its last value. UTC. */
  readonly closeTime: DateTime
  /** The ids of all sessions that were merged into this one. */
  readonly mergedIds: ReadonlySet<number>
}

const NO_IDS: ReadonlySet<number> = new Set()

/** Metadata that holds milliseconds and makes `DateTime`s when they are asked for. */
export class WindowSpan implements WindowMetadata {
  readonly openMillis: number
  readonly closeMillis: number
  readonly mergedIds: ReadonlySet<number>

  constructor(openMillis: number, closeMillis: number, mergedIds: ReadonlySet<number> = NO_IDS) {
    this.openMillis = openMillis
    this.closeMillis = closeMillis
    this.mergedIds = mergedIds
  }

  get openTime(): DateTime {
    return dateTimeOf(this.openMillis)
  }

  get closeTime(): DateTime {
    return dateTimeOf(this.closeMillis)
  }

  toJSON(): { openTime: string | null; closeTime: string | null; mergedIds: number[] } {
    return {
      openTime: this.openTime.toISO(),
      closeTime: this.closeTime.toISO(),
      mergedIds: [...this.mergedIds],
    }
  }
}

// Metadata may go to another worker, or into a snapshot.
codeClass({
  Class: WindowSpan,
  type: 0x54,
  write: ({ openMillis, closeMillis, mergedIds }) =>
    [openMillis, closeMillis, ...mergedIds] as readonly number[],
  read: ([open = Number.NaN, close = Number.NaN, ...mergedIds]: readonly number[]) =>
    new WindowSpan(open, close, new Set(mergedIds)),
})

/** Epoch milliseconds of a window's end, without a `DateTime` where there need not be one. */
export const closeMillisOf = (metadata: WindowMetadata): number =>
  metadata instanceof WindowSpan ? metadata.closeMillis : metadata.closeTime.toMillis()
