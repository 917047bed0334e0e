import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { PEER_VERSIONS } from './peers/install.ts'
import { PEER_TITLES } from './peers/peer.ts'
import {
  groupLines,
  HEAD,
  linesOf,
  PEER_HEAD,
  problemLines,
  slowerLines,
  sortedPeerLines,
  table,
  VARIANT_HEAD,
  variantLines,
} from './report.ts'
import type { Findings } from './rounds.ts'

const versionOf = (packageJson: string): string => {
  const path = new URL(packageJson, import.meta.url)
  const { version }: { version: string } = JSON.parse(readFileSync(path, 'utf8'))
  return version
}

const installed = (name: string): string =>
  `${name} ${versionOf(`../node_modules/${name}/package.json`)}`

export interface PageSpec {
  readonly findings: readonly Findings[]
  readonly command: string
  readonly date: Date
}

/** The text of docs/performance.md: what was run, where, when, and what came out. */
export const performancePage = ({ findings, command, date }: PageSpec): string => {
  const problems = findings.flatMap(problemLines)
  return `# Performance

Written by \`${command}\` on ${date.toISOString().slice(0, 10)}; not edited by hand. How it is measured,
and what each workload and each peer is: [bench/README.md](../bench/README.md).

- Machine: ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${process.arch}
- Node ${process.version}, tidemark ${versionOf('../package.json')}, ${installed('rxjs')}, ${installed('@most/core')}
- Medians of the rounds that the last table tells; every variant of a round in a process of its own, warm; ratios are of CPU time, paired by round; a variant's answer is checked against an oracle, a wrong one voids its row

${slowerSection(findings)}${othersSection(findings)}
## Beside hand loops and RxJS

Ratios to the hand loop and to RxJS are speed (higher is better). \`x of map\` is a multiple of its
bytes (lower is better); where there is no peer the figure itself stands.

${table(
  HEAD,
  [...findings.flatMap(linesOf), ...groupLines(findings)].map((line) => line.cells),
)}

## Every variant

${table(VARIANT_HEAD, findings.flatMap(variantLines))}
${problems.length === 0 ? '' : `\n## Not measured\n\n${problems.map((line) => `- ${line}`).join('\n')}\n`}`
}

/** Hand loops are left out: they are what no engine is quicker than. */
const slowerSection = (findings: readonly Findings[]): string => {
  const slower = slowerLines(findings)
  if (slower.length === 0) {
    return 'Nothing that was measured is slower than another system or library, hand loops aside.\n\n'
  }
  return `## Slower than another\n\n${slower.map((line) => `- ${line}`).join('\n')}\n\n`
}

/** What has to be known before the figures of other systems are read. */
const BEWARE = `- The machine is shared: a single figure may be off by a third, a ratio within 1.5 of one says little.
- Jet and Flink are timed in a JVM that is warm: a job goes over the same rows in memory, pass after
  pass, and only its last passes count. The start of a job, seconds for both, is left out.
- CPU time is that of the whole process, so their collector's and compiler's threads count, as ours do.
- Flink runs as a mini-cluster through its DataStream API: object reuse on, state on the heap, no
  checkpoints. Its SQL, which slices windows, was not measured: nothing is claimed against it.
  Windows are the built-in ones; 60 s / 1 s is left out, since DataStream adds an event to each of 60.
- Bytewax gets batches of 1000, tuples, input outside its collector, and a clock of the data's time
  only. By its default clock a replay depends on speed, drops items as late, and is slower.
  Its 60 s / 1 s run is given the first 65536 rows of the pass.
- Flink's jobs of Nexmark are given the fields that the query reads, one job a pass on a mini-cluster
  that stays up; what is timed lies between a job's first row and its last. Ours includes its start.
- W9 is in milliseconds of wall time. Who is not done by the time that the table tells was ended, so the
  ratio is a bound from below.
- No system took a snapshot while it was timed, W9 aside. Two workers of a peer stand beside one of ours.`

const othersSection = (findings: readonly Findings[]): string => {
  const lines = sortedPeerLines(findings)
  if (lines.length === 0) return ''
  const versions = Object.entries(PEER_VERSIONS).map(
    ([name, version]) => `${PEER_TITLES[name as keyof typeof PEER_TITLES]} ${version}`,
  )
  return `## Beside other systems

What is slower than a peer, or least ahead of it, comes first. ${versions.join(', ')}; the
same rows, the same answers, in memory.

${table(PEER_HEAD, lines)}

Beware:

${BEWARE}
`
}
