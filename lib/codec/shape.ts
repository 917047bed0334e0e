/**
 * The shapes of states that are read and written by code of their own: plain objects of numbers,
 * booleans and nulls, with few and short names.
 */

/** Objects of more fields, and names of more bytes, have a longer head. */
export const MOST_FIELDS = 15
const LONGEST_NAME = 31

export const isPlain = (state: unknown): state is object =>
  typeof state === 'object' &&
  state !== null &&
  Object.getPrototypeOf(state) === Object.prototype &&
  Object.values(state).every(isValue)

const isValue = (value: unknown): boolean =>
  typeof value === 'number' || typeof value === 'boolean' || value === null

export const isName = (name: string): boolean =>
  /^[A-Za-z_$][\w$]*$/.test(name) && name.length <= LONGEST_NAME && name !== '__proto__'

/** The bytes before each field's value: its name, and before the first the number of fields. */
export const headsOf = (names: readonly string[]): readonly (readonly number[])[] =>
  names.map((name, index) => [
    ...(index === 0 ? [0x80 + names.length] : []),
    0xa0 + name.length,
    ...[...name].map((letter) => letter.charCodeAt(0)),
  ])
