import fc from 'fast-check'

/** Where a number of 32 bits stands, all that specs draw follows from it; `.ci/run` sets it. */
const VARIABLE = 'TIDEMARK_SEED'

const given = (text: string | undefined): number | null => {
  if (text === undefined || text === '') return null
  const seed = Number(text)
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed
  throw new Error(`${VARIABLE} is a whole number from 0 to ${2 ** 32 - 1}, not ${text}`)
}

const seed = given(process.env[VARIABLE])

/** For a spec that draws without fast-check: the number given, or one that nobody had before. */
export const SEED: number = seed ?? Math.floor(Math.random() * 2 ** 32)

/** What a title says of it, so that what it drew can be drawn again. */
export const SEEDED: string = `${VARIABLE}=${SEED}`

// Mocha loads this file before any spec, in each of its processes.
if (seed !== null) fc.configureGlobal({ seed: seed | 0 })
