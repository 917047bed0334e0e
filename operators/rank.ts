import { preview } from '../lib/errors/preview.ts'

/** What values can be put in order by. */
export type Rank = number | bigint | string | Date

/** Refuses what has no place in an order. */
export const checkRank = (rank: unknown): void => {
  switch (typeof rank) {
    case 'number':
      if (!Number.isNaN(rank)) return
      break
    case 'string':
    case 'bigint':
      return
    default:
      if (rank instanceof Date && !Number.isNaN(rank.getTime())) return
  }
  throw new TypeError(
    `only numbers, bigints, strings and dates can be compared; got ${preview(rank)}. Give \`by\`, a function from the value to one of them.`,
  )
}

/** Compares by itself a value that no `by` was given for. */
export const itself = (value: unknown): Rank => value as Rank
