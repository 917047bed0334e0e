import { createParser } from 'eventsource-parser'
import { ConnectorError } from '../../lib/errors/errors.ts'

/** An event of a stream, as it was sent. */
export interface StreamEvent {
  readonly id: string | null
  readonly event: string
  readonly data: string
}

/** Takes text in pieces and tells of the events in it (HTML Standard, 9.2.6). */
export interface EventStreamParser {
  feed(text: string): void
}

/** @throws ConnectorError, from `feed`, for an event longer than `maxEvent` characters */
export const eventStreamParser = (
  maxEvent: number,
  told: {
    readonly onEvent: (event: StreamEvent) => void
    readonly onRetry: (millis: number) => void
  },
): EventStreamParser => {
  const tooLong = (): ConnectorError =>
    new ConnectorError(
      `The stream sent an event of more than ${maxEvent} characters. If events may be that long, raise \`maxEvent\`.`,
    )
  let isTooLong = false
  const parser = createParser({
    maxBufferSize: maxEvent,
    onEvent: ({ id, event = 'message', data }) => told.onEvent({ id: id ?? null, event, data }),
    onRetry: told.onRetry,
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') isTooLong = true
    },
  })
  return {
    feed: (text) => {
      if (!isTooLong) parser.feed(text)
      if (isTooLong) throw tooLong()
    },
  }
}
