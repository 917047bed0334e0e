import {
  groupLines,
  linesOf,
  PEER_HEAD,
  problemLines,
  slowerLines,
  sortedPeerLines,
  table,
} from './report.ts'
import type { Findings } from './rounds.ts'

const BEGIN = '<!-- measured -->\n'
const END = '<!-- /measured -->\n'
/** Of the long tables: what ran, and how it compares. */
const SHORT_PEER_CELLS = 3
const SHORT_HEAD = ['workload', 'to the hand loop', 'to RxJS'] as const

/**
 * The README with the figures between its two marks replaced: what is slower first.
 *
 * @throws RangeError without the marks
 */
export const withFigures = (
  readme: string,
  { findings, date }: { readonly findings: readonly Findings[]; readonly date: Date },
): string => {
  const from = readme.indexOf(BEGIN)
  const to = readme.indexOf(END)
  if (from === -1 || to < from) {
    throw new RangeError(`README.md has no place for figures: ${BEGIN.trim()} and ${END.trim()}.`)
  }
  const figures = figuresOf(findings, date)
  return `${readme.slice(0, from + BEGIN.length)}\n${figures}\n${readme.slice(to)}`
}

const figuresOf = (findings: readonly Findings[], date: Date): string => {
  const day = date.toISOString().slice(0, 10)
  const slower = slowerLines(findings)
  const peers = sortedPeerLines(findings)
    .map((cells) => cells.slice(0, SHORT_PEER_CELLS))
    .filter((cells) => cells.at(-1) !== '-')
  const own = [...findings.flatMap(linesOf), ...groupLines(findings)]
    .map(({ cells }) => cells.slice(0, SHORT_HEAD.length))
    .filter(([, ...ratios]) => ratios.some((ratio) => ratio !== '-'))
  const missing = findings.flatMap(problemLines).length
  return [
    `Of ${day}, by CPU time, on the machine that [docs/performance.md](docs/performance.md) names with all the rest.`,
    slower.length === 0
      ? 'Nothing that was measured is slower than another system or library, hand loops aside.'
      : `Slower than another system or library:\n\n${slower.map((line) => `- ${line}`).join('\n')}`,
    ...(peers.length === 0 ? [] : [table(PEER_HEAD.slice(0, SHORT_PEER_CELLS), peers)]),
    ...(own.length === 0
      ? []
      : [
          `Speed to a loop written by hand, which is the bound, and to RxJS:\n\n${table(SHORT_HEAD, own)}`,
        ]),
    ...(missing === 0 ? [] : [`${missing} measurements are missing; that page says why.`]),
  ]
    .map((part) => `${part}\n`)
    .join('\n')
}
