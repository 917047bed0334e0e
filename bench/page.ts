import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import {
  groupLines,
  HEAD,
  linesOf,
  problemLines,
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
  readonly repeat: number
  readonly date: Date
}

/** The text of docs/performance.md: what was run, where, when, and what came out. */
export const performancePage = ({ findings, command, repeat, date }: PageSpec): string => {
  const problems = findings.flatMap(problemLines)
  return `# Performance

Written by \`${command}\` on ${date.toISOString().slice(0, 10)}; not edited by hand. How it is measured,
and what each workload and each peer is: [bench/README.md](../bench/README.md).

- Machine: ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${process.arch}
- Node ${process.version}, tidemark ${versionOf('../package.json')}, ${installed('rxjs')}, ${installed('@most/core')}
- Medians of ${repeat} rounds; every variant of a round in a process of its own, warm; ratios are of CPU time, paired by round; a variant's answer is checked against an oracle, a wrong one voids its row

## Beside the peers

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
