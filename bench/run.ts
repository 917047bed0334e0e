/** `npm run bench`: the workloads beside their peers, as README.md in this folder describes. */

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadWorkload } from './catalog.ts'
import { type BenchOptions, paceOf, parseOptions, USAGE } from './options.ts'
import { performancePage } from './page.ts'
import { install } from './peers/install.ts'
import { PEER_TITLES, type PeerName } from './peers/peer.ts'
import { withFigures } from './readme.ts'
import {
  groupLines,
  HEAD,
  linesOf,
  PEER_HEAD,
  peerLines,
  problemLines,
  sortedPeerLines,
  table,
  VARIANT_HEAD,
  variantLines,
} from './report.ts'
import { type Findings, runRounds } from './rounds.ts'

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url))
const README = fileURLToPath(new URL('../README.md', import.meta.url))

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

/** A line that the next one overwrites, where somebody is looking. */
const showProgress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`)
}

const PEERS: readonly PeerName[] = ['bytewax', 'jet', 'flink']

/** The other systems, each with the reason why it cannot run here, or `null`. */
const installPeers = async (wanted: boolean): Promise<Map<PeerName, string | null>> => {
  const peers = new Map<PeerName, string | null>()
  for (const name of wanted ? PEERS : []) {
    showProgress(`${PEER_TITLES[name]}: installing`)
    peers.set(name, await install(name))
  }
  return peers
}

const measureAll = async (options: BenchOptions): Promise<Findings[]> => {
  const peers = await installPeers(options.peers)
  const findings = await runRounds({
    workloads: await Promise.all(options.only.map(loadWorkload)),
    repeat: options.repeat,
    pace: paceOf(options),
    peers,
    budgetMs: options.budget === null ? null : options.budget * 60_000,
    onProgress: showProgress,
  })
  showProgress('')
  for (const one of findings) {
    const { id, title } = one.workload
    print(`\n${id}: ${title}\n${table(VARIANT_HEAD, variantLines(one))}`)
    for (const problem of problemLines(one)) print(problem)
  }
  return findings
}

/** A wrong answer always fails the command; a missed floor does where it is to be a gate. */
const exitCodeOf = (findings: readonly Findings[], gate: boolean): number => {
  const lines = [
    ...findings.flatMap(linesOf),
    ...groupLines(findings),
    ...findings.flatMap(peerLines),
  ]
  const verdicts = lines.map((line) => line.verdict)
  const wrong = findings.some((one) => one.wrong.size > 0)
  if (wrong || verdicts.includes('void')) return 1
  return gate && verdicts.some((verdict) => verdict === 'below' || verdict === 'absent') ? 1 : 0
}

const bench = async (args: readonly string[]): Promise<number> => {
  const options = parseOptions(args)
  if (options === 'help') {
    print(USAGE)
    return 0
  }
  if (options.scale) {
    const { writeScaling } = await import('./scale/run.ts')
    await writeScaling('npm run bench -- --scale')
    return 0
  }
  const findings = await measureAll(options)
  const lines = [...findings.flatMap(linesOf), ...groupLines(findings)]
  print(
    `\n${table(
      HEAD,
      lines.map((line) => line.cells),
    )}`,
  )
  const others = sortedPeerLines(findings)
  if (others.length > 0) print(`\n${table(PEER_HEAD, others)}`)
  if (options.write) {
    const command = ['npm run bench --', ...args].join(' ')
    const date = new Date()
    writeFileSync(PAGE, performancePage({ findings, command, date }))
    writeFileSync(README, withFigures(readFileSync(README, 'utf8'), { findings, date }))
    print(`\nWritten: ${PAGE}, and the figures of ${README}`)
  }
  return exitCodeOf(findings, options.gate)
}

try {
  process.exitCode = await bench(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof RangeError)) throw error
  process.stderr.write(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
}
