import { ConnectorError } from '../../lib/errors/errors.ts'
import { itemBytes, itsValue } from '../item-bytes.ts'
import type { HeaderPairs } from './wire.ts'

/** How an item becomes a message. */
export interface MessageOptions<T> {
  /** Where it goes. Asked again when it is sent again, so it has to answer the same. */
  readonly subject: string | ((item: T) => string)
  /** Its bytes. @defaultValue the item, or the value of a keyed one: text and bytes as they are, anything else as JSON */
  readonly data?: (item: T) => Uint8Array | string
  readonly headers?: (item: T) => Readonly<Record<string, string>>
}

/** A message that is to be sent. */
export interface Outgoing {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: HeaderPairs
}

const NONE: HeaderPairs = []
const SUBJECT = /^[^\s.*>]+(?:\.[^\s.*>]+)*$/

export const messageOf = <T>(
  item: T,
  { subject, data, headers }: MessageOptions<T>,
  maxPayload: number,
): Outgoing => {
  const to = typeof subject === 'string' ? subject : subject(item)
  if (typeof to !== 'string' || !SUBJECT.test(to)) {
    throw new ConnectorError(
      `A message can't be sent to the subject "${String(to)}": it is made of words with dots between them, without spaces and wildcards.`,
    )
  }
  const bytes = itemBytes(data === undefined ? itsValue(item) : data(item))
  if (bytes.length > maxPayload) {
    throw new ConnectorError(
      `A message for "${to}" has ${bytes.length} bytes; the NATS server takes ${maxPayload} at most (max_payload). Make items smaller, or raise the server's limit.`,
    )
  }
  return {
    subject: to,
    data: bytes,
    headers: headers === undefined ? NONE : Object.entries(headers(item)),
  }
}
