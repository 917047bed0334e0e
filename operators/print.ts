import { inspect } from 'node:util'

/** Where `inspect` and `inspectDebug` show an item unless they are told otherwise: a line of standard output. */
export const print = (label: string, item: unknown): void => {
  process.stdout.write(`${label}: ${inspect(item, { breakLength: Number.POSITIVE_INFINITY })}\n`)
}
