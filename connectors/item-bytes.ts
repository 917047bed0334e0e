import { ConnectorError } from '../lib/errors/errors.ts'

const encoder = new TextEncoder()

/** The value of a keyed item, or the item. */
export const itsValue = (item: unknown): unknown =>
  Array.isArray(item) && item.length === 2 && typeof item[0] === 'string' ? item[1] : item

/** Text and bytes as they are, anything else as JSON. */
export const itemBytes = (value: unknown): Uint8Array => {
  if (value instanceof Uint8Array) return value
  return encoder.encode(typeof value === 'string' ? value : jsonOf(value))
}

/** @throws ConnectorError for what JSON can't say */
export const jsonOf = (value: unknown): string => {
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (cause) {
    throw new ConnectorError('An item is not JSON: give `data` to make bytes of it.', { cause })
  }
  if (json === undefined) {
    throw new ConnectorError(`An item is ${typeof value}, of which no JSON can be made.`)
  }
  return json
}
