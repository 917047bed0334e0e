import { preview } from '../lib/errors/preview.ts'

/** Adds what a callback of a logic object gave back to `into`; whether the key is to be forgotten. */
export const takeEmitted = (result: unknown, into: unknown[]): boolean => {
  if (isIterable(result)) {
    for (const value of result) into.push(value)
    return false
  }
  if (typeof result !== 'object' || result === null || !('emit' in result)) {
    throw new TypeError(`${notEmitted(result)}; got ${preview(result)}`)
  }
  const { emit } = result
  const discard = 'discard' in result ? result.discard : false
  if (!isIterable(emit)) throw new TypeError(`emit must be an iterable; got ${preview(emit)}`)
  if (typeof discard !== 'boolean' && discard !== undefined) {
    throw new TypeError(`discard must be a boolean; got ${preview(discard)}`)
  }
  for (const value of emit) into.push(value)
  return discard === true
}

/** A string can be iterated too, but nobody means to emit its letters. */
const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value

const notEmitted = (result: unknown): string =>
  result instanceof Promise
    ? 'it returned a promise, which this step does not wait for; use mapAsync before it'
    : 'it must return the items to emit, as an iterable or as { emit, discard }'

/** Adds the items of an iterable that a callback gave back to `into`. */
export const takeItems = (items: unknown, into: unknown[], role: string): void => {
  if (!isIterable(items)) {
    throw new TypeError(
      items instanceof Promise
        ? 'it returned a promise, which this step does not wait for; use mapAsync before it'
        : `${role} must give an iterable of items; got ${preview(items)}`,
    )
  }
  for (const item of items) into.push(item)
}
