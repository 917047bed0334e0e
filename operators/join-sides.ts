import { BuildError } from '../lib/errors/errors.ts'
import { KeyedStream } from '../lib/flow/stream.ts'
import { namedRows, type RowShape, tupleRows } from './join-rows.ts'

// biome-ignore lint/suspicious/noExplicitAny: any keyed stream can be a side; its values' type is inferred.
type AnySide = KeyedStream<any>

/** The streams of a join: by position, or by name. */
export type JoinSides = readonly AnySide[] | Readonly<Record<string, AnySide>>

/** A row of a join: the values of its sides, or `Missing` for a side that has none. */
export type JoinRow<Sides, Missing> = {
  -readonly [Side in keyof Sides]: Sides[Side] extends KeyedStream<infer V> ? V | Missing : never
}

/** The streams in order, and how their rows look. */
export const sidesOf = (
  id: string,
  operator: string,
  sides: JoinSides,
): { readonly streams: readonly AnySide[]; readonly shape: RowShape } => {
  const names = namesOf(id, operator, sides)
  const streams = Object.values(sides)
  if (streams.length === 0) {
    throw new BuildError(`Step "${id}" (${operator}) requires at least one side.`)
  }
  return { streams, shape: names === null ? tupleRows(streams.length) : namedRows(names) }
}

const namesOf = (id: string, operator: string, sides: JoinSides): readonly string[] | null => {
  if (Array.isArray(sides)) return null
  if (typeof sides === 'object' && sides !== null && !(sides instanceof KeyedStream)) {
    return Object.keys(sides)
  }
  throw new BuildError(
    `Step "${id}" (${operator}) needs its sides as a tuple of keyed streams, [left, right], or as an object of them, { left, right }.`,
  )
}
