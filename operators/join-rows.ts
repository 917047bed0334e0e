import { BuildError } from '../lib/errors/errors.ts'

/** Which values of a side are kept: the first, the last, or all. */
export type JoinInsertMode = 'first' | 'last' | 'product'

/** When rows come out: once all sides have a value, at the end, or with each change. */
export type JoinEmitMode = 'complete' | 'final' | 'running'

/** @throws BuildError where `mode` is none */
export const joinInsertMode = (mode: JoinInsertMode, operator: string): JoinInsertMode => {
  if (mode === 'first' || mode === 'last' || mode === 'product') return mode
  throw new BuildError(
    `${operator}: insertMode is ${JSON.stringify(mode)}; it must be 'first', 'last' or 'product'.`,
  )
}

/** @throws BuildError where `mode` is none */
export const joinEmitMode = (mode: JoinEmitMode, operator: string): JoinEmitMode => {
  if (mode === 'complete' || mode === 'final' || mode === 'running') return mode
  throw new BuildError(
    `${operator}: emitMode is ${JSON.stringify(mode)}; it must be 'complete', 'final' or 'running'.`,
  )
}

/** A value on its way into a join: which side it comes from. */
export interface JoinSide<V> {
  readonly side: number
  readonly value: V
}

/**
 * How a row looks: by position for sides in a tuple, by name for sides in an object.
 *
 * A row's fields are defined, not assigned, so a side may have any name.
 */
export interface RowShape {
  readonly width: number
  readonly row: (values: readonly unknown[]) => unknown
}

export const tupleRows = (width: number): RowShape => ({ width, row: (values) => [...values] })

export const namedRows = (names: readonly string[]): RowShape => ({
  width: names.length,
  row: (values) => Object.fromEntries(names.map((name, side) => [name, values[side]])),
})

/** What a snapshot keeps: the values of each side. */
export type JoinRowsState = readonly (readonly unknown[])[]

/** No value of any side. */
export const noValues = (width: number): unknown[][] => {
  const sides: unknown[][] = []
  for (let side = 0; side < width; side++) sides.push([])
  return sides
}

/** Takes a value in among those of its side; whether that changed anything. */
export const insertValue = (values: unknown[], value: unknown, mode: JoinInsertMode): boolean => {
  if (mode === 'product') {
    values.push(value)
    return true
  }
  if (mode === 'first' && values.length > 0) return false
  values[0] = value
  return true
}

/** All combinations, the last side changing fastest; `null` for a side without a value. */
export const rowsOf = (sides: JoinRowsState, { row }: RowShape): unknown[] => {
  let combinations: unknown[][] = [[]]
  for (const values of sides) {
    if (values.length > 1) {
      combinations = combinations.flatMap((begun) => values.map((value) => [...begun, value]))
    } else {
      const value = values.length === 0 ? null : values[0]
      for (const begun of combinations) begun.push(value)
    }
  }
  return combinations.map(row)
}

/** The values of each side for one key, and the rows they make. */
export class JoinRows {
  readonly #shape: RowShape
  readonly #insertMode: JoinInsertMode
  #sides: unknown[][]

  constructor(shape: RowShape, insertMode: JoinInsertMode, resume: JoinRowsState | null = null) {
    this.#shape = shape
    this.#insertMode = insertMode
    this.#sides = resume === null ? noValues(shape.width) : resume.map((values) => [...values])
  }

  /** Takes a value in; whether that changed anything. */
  insert(side: number, value: unknown): boolean {
    return insertValue(this.#valuesOf(side), value, this.#insertMode)
  }

  /**
   * Takes in the values of a window that became part of this one: `first` keeps what is here,
   * `last` takes what the other has, `product` has both. Whether that changed anything.
   */
  merge(other: JoinRows): boolean {
    let changed = false
    other.#sides.forEach((values, side) => {
      for (const value of values) changed = this.insert(side, value) || changed
    })
    return changed
  }

  isComplete(): boolean {
    return this.#sides.every((values) => values.length > 0)
  }

  isEmpty(): boolean {
    return this.#sides.every((values) => values.length === 0)
  }

  rows(): unknown[] {
    return rowsOf(this.#sides, this.#shape)
  }

  clear(): void {
    this.#sides = this.#sides.map(() => [])
  }

  snapshot(): JoinRowsState {
    return this.#sides.map((values) => [...values])
  }

  #valuesOf(side: number): unknown[] {
    const values = this.#sides[side]
    if (values === undefined) throw new RangeError(`The join has no side ${side}.`)
    return values
  }
}
