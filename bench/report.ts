import { costsOf, type Findings, wallCostsOf } from './rounds.ts'
import {
  compare,
  figureOf,
  geometricMean,
  median,
  spread,
  type Verdict,
  verdictOf,
} from './statistics.ts'
import type { Gate, Group, PeerRow, Row } from './workload.ts'

/** One line of the table, as text. */
export interface Line {
  readonly cells: readonly string[]
  readonly verdict: Verdict
}

export const HEAD: readonly string[] = [
  'workload',
  'ours / hand loop',
  'ours / RxJS',
  'ours / other',
  'floor',
  'aim',
  'CPU s per 1e6',
  'verdict',
]

const WORDS: Readonly<Record<Verdict, string>> = {
  aim: 'aim met',
  floor: 'floor met',
  below: 'BELOW FLOOR',
  void: 'VOID: wrong result',
  absent: 'not run',
  shown: 'shown',
}

const digits = (value: number): string => {
  if (!Number.isFinite(value)) return '-'
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toPrecision(2)
}

/** `0.71`, or `6.2x` where the bound is a multiple. */
const bound = (gate: Gate, value: number): string => {
  if (gate.against === null) return String(Number(value.toPrecision(3)))
  return value >= 1 ? `${value}x` : String(value)
}

const bounds = (gates: readonly Gate[], pick: 'floor' | 'aim'): string =>
  gates.map((gate) => bound(gate, gate[pick])).join(', ') || '-'

/** The rows of one workload's table. */
export const linesOf = (findings: Findings): Line[] => {
  const costs = costsOf(findings)
  const wrong = new Set(findings.wrong.keys())
  const ratioTo = (row: Row, peer: string): string => {
    const ratio = compare(costs, { ours: row.ours, peer, better: 'higher' })
    return ratio === null || row.ours === peer ? '-' : digits(ratio.median)
  }
  const others = (row: Row): string =>
    row.gates
      .filter((gate) => gate.against !== 'hand' && gate.against !== 'rxjs')
      .map((gate) => {
        const figure = figureOf(costs, row.ours, gate)
        const text = figure === null ? '-' : digits(figure.median)
        return gate.against === null ? text : `${text} of ${gate.against}`
      })
      .join(', ') || '-'

  return findings.workload.rows.map((row) => {
    const verdict = verdictOf(row, costs, wrong)
    const own = costs.get(row.ours)
    const speed = findings.workload.unit === 'CPU s per 1e6'
    // A row that is judged by its own figure alone does something else than the loops beside it.
    const isAlone = row.gates.length > 0 && row.gates.every((gate) => gate.against === null)
    return {
      verdict,
      cells: [
        row.label,
        speed && !isAlone ? ratioTo(row, 'hand') : '-',
        speed && !isAlone ? ratioTo(row, 'rxjs') : '-',
        others(row),
        bounds(row.gates, 'floor'),
        bounds(row.gates, 'aim'),
        speed && own !== undefined ? digits(spread(own).median) : '-',
        WORDS[verdict],
      ],
    }
  })
}

/** A row for each group of rows that are judged together: the geometric mean of what they come to. */
export const groupLines = (all: readonly Findings[]): Line[] => {
  const groups = new Map<string, { readonly group: Group; readonly ratios: (number | null)[] }>()
  for (const findings of all) {
    for (const { group, ours } of findings.workload.rows) {
      if (group === undefined) continue
      const { ratios } = groups.get(group.name) ?? { ratios: [] }
      const figure = compare(costsOf(findings), { ours, peer: group.against, better: 'higher' })
      groups.set(group.name, { group, ratios: [...ratios, figure?.median ?? null] })
    }
  }
  return [...groups.values()].map(({ group, ratios }) => groupLine(group, ratios))
}

const groupLine = (group: Group, ratios: readonly (number | null)[]): Line => {
  const figures = ratios.filter((ratio) => ratio !== null)
  const mean = geometricMean(figures)
  const verdict = figures.length < ratios.length ? 'absent' : boundVerdict(mean, group)
  const label = `${group.name}: geometric mean of ${figures.length}`
  const bounds = [String(group.floor), String(group.aim)]
  return { verdict, cells: [label, digits(mean), '-', '-', ...bounds, '-', WORDS[verdict]] }
}

const boundVerdict = (figure: number, { floor, aim }: Group): Verdict => {
  if (figure >= aim) return 'aim'
  return figure >= floor ? 'floor' : 'below'
}

export const PEER_HEAD: readonly string[] = [
  'ours on one worker',
  'peer on',
  'times as fast by CPU time',
  'min..max',
  'by wall time',
  'our CPU s per 1e6',
  'its CPU s per 1e6',
  'floor',
  'aim',
  'verdict',
]

/** A line of the table of other systems, and what orders it: how many times as fast ours is. */
export interface PeerLine extends Line {
  readonly label: string
  readonly ratio: number
}

/** Ours beside other systems, where those were asked to run. */
export const peerLines = (findings: Findings): PeerLine[] => {
  const rows = findings.workload.peers ?? []
  const heard = (variant: string): boolean =>
    [findings.samples, findings.wrong, findings.failed].some((map) => map.has(variant))
  return rows.filter(({ variant }) => heard(variant)).map((row) => peerLine(findings, row))
}

const peerLine = (findings: Findings, row: PeerRow): PeerLine => {
  const { ours, variant: peer, bounds } = row
  const pair = { ours, peer, better: 'higher' } as const
  const costs = costsOf(findings)
  const ratio = compare(costs, pair)
  const verdict = peerVerdict(findings, row)
  const { unit } = findings.workload
  const cost = (variant: string): string => {
    const figure = digits(median(costs.get(variant) ?? []))
    return figure === '-' || unit === 'CPU s per 1e6' ? figure : `${figure} ${unit}`
  }
  // Who was ended would have cost more: what is known is a bound from below.
  const wasEnded = findings.samples.get(peer)?.some((sample) => sample.wasEnded) ?? false
  const atLeast = (text: string): string => (wasEnded && text !== '-' ? `over ${text}` : text)
  return {
    verdict,
    label: row.label,
    ratio: ratio?.median ?? Number.POSITIVE_INFINITY,
    cells: [
      row.label,
      row.workers === 1 ? 'one worker' : `${row.workers} workers`,
      atLeast(times(ratio?.median)),
      ratio === null ? '-' : `${digits(ratio.min)}..${digits(ratio.max)}`,
      atLeast(times(compare(wallCostsOf(findings), pair)?.median)),
      cost(ours),
      wasEnded ? `not done after ${cost(peer)}` : cost(peer),
      times(bounds?.floor),
      times(bounds?.aim),
      WORDS[verdict],
    ],
  }
}

const times = (value: number | undefined): string =>
  value === undefined || !Number.isFinite(value) ? '-' : `${digits(value)}x`

const peerVerdict = (findings: Findings, { ours, variant, label, bounds }: PeerRow): Verdict => {
  const gate: Gate = { against: variant, better: 'higher', ...(bounds ?? NO_BOUNDS) }
  const verdict = verdictOf({ label, ours, gates: [gate] }, costsOf(findings), wrongOf(findings))
  return bounds === null && verdict === 'aim' ? 'shown' : verdict
}

const NO_BOUNDS = { floor: 0, aim: 0 }

const wrongOf = (findings: Findings): Set<string> => new Set(findings.wrong.keys())

/** The cells of all of them, what is slower than a peer, or least ahead of it, first. */
export const sortedPeerLines = (all: readonly Findings[]): (readonly string[])[] =>
  all
    .flatMap(peerLines)
    .sort((a, b) => (a.ratio < b.ratio ? -1 : Number(a.ratio > b.ratio)))
    .map((line) => line.cells)

/** What ours is slower than, by CPU time, the slowest first; hand loops, the bound, are left out. */
export const slowerLines = (all: readonly Findings[]): string[] =>
  all
    .flatMap((findings) => [...peerLines(findings), ...libraryRatios(findings)])
    .filter(({ ratio }) => ratio < 1)
    .sort((a, b) => a.ratio - b.ratio)
    .map(({ label, ratio }) => `${label}: ${digits(ratio)}x as fast`)

/** Every row beside the libraries of this language that its workload has. */
const libraryRatios = (findings: Findings): Pick<PeerLine, 'label' | 'ratio'>[] => {
  const { rows, variants, unit } = findings.workload
  if (unit !== 'CPU s per 1e6') return []
  return rows.flatMap(({ label, ours }) =>
    variants
      .filter((peer) => peer !== ours && LIBRARIES.has(peer))
      .flatMap((peer) => {
        const ratio = compare(costsOf(findings), { ours, peer, better: 'higher' })
        return ratio === null ? [] : [{ label: `${label}, to ${peer}`, ratio: ratio.median }]
      }),
  )
}

const LIBRARIES = new Set(['rxjs', 'rxjs-map', 'most', 'subject'])

export const VARIANT_HEAD: readonly string[] = [
  'variant',
  'cost (median)',
  'min..max',
  'wall M items/s',
  'empty run ms',
  'peak RSS MB',
  'rounds',
]

/** Every variant's own figures, peers included. */
export const variantLines = ({ workload, samples }: Findings): string[][] =>
  [...samples].map(([variant, all]) => {
    const cost = spread(all.map((sample) => sample.cost))
    const wall = all.flatMap((sample) => sample.wallCost ?? [])
    const start = all.flatMap((sample) => sample.startMs ?? [])
    return [
      `${workload.id} ${variant}`,
      `${digits(cost.median)} ${workload.unit}`,
      `${digits(cost.min)}..${digits(cost.max)}`,
      wall.length === 0 ? '-' : digits(1 / spread(wall).median),
      start.length === 0 ? '-' : digits(spread(start).median),
      digits(spread(all.map((sample) => sample.rssMb)).median),
      String(all.length),
    ]
  })

/** Why variants are missing, a line each. */
export const problemLines = ({ workload, wrong, failed }: Findings): string[] => [
  ...[...wrong].map(([variant, message]) => `${workload.id} ${variant}: wrong: ${message}`),
  ...[...failed].map(([variant, message]) => `${workload.id} ${variant}: not run: ${message}`),
]

/** A Markdown table whose columns line up, readable on a terminal as well. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
}
