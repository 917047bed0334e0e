import { TidemarkError } from '../lib/errors/errors.ts'
import { preview } from '../lib/errors/preview.ts'
import { userLine } from '../lib/errors/user-line.ts'

/** A chain longer than this is a loop or a secret life of its own. */
const DEEPEST = 8

/** An error in words: what happened and where, and below it each cause that says something new. */
export const explain = (error: unknown, { stacks }: { readonly stacks: boolean }): string => {
  const chain = chainOf(error)
  const lines: string[] = []
  for (const each of chain) {
    const reason = reasonOf(each)
    if (lines.some((line) => line.includes(plainReason(each)))) continue
    lines.push(lines.length === 0 ? reason : `  because: ${reason}`)
  }
  if (stacks) lines.push(...chain.map(stackOf))
  return lines.join('\n')
}

/** One error's own words, with the user's line where they lack it. */
export const reasonOf = (error: unknown): string => {
  const reason = plainReason(error)
  const place = userLine(error)
  return place === undefined || reason.includes(place) ? reason : `${reason} (at ${place})`
}

const plainReason = (error: unknown): string => {
  if (!(error instanceof Error)) return `${preview(error)} was thrown`
  const message = error.message.replace(/\s*\n\s*/g, ' ')
  if (error instanceof TidemarkError || error.name === 'Error') return message
  return message === '' ? error.name : `${error.name}: ${message}`
}

const chainOf = (error: unknown): unknown[] => {
  const chain: unknown[] = []
  for (let at = error; at !== undefined && chain.length < DEEPEST; ) {
    if (chain.includes(at)) break
    chain.push(at)
    at = at instanceof Error ? at.cause : undefined
  }
  return chain
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : preview(error)
