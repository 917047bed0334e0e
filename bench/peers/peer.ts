/**
 * Systems that people would use instead, each a program of its own that is given the workload's
 * rows in a file, keeps them in memory, and prints one line of what it put out and what it spent.
 */

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { median } from '../statistics.ts'
import type { Pace, Tally } from '../workload.ts'

export type PeerName = 'bytewax' | 'jet' | 'flink'

/** What the peers are called in tables. */
export const PEER_TITLES: Readonly<Record<PeerName, string>> = {
  bytewax: 'Bytewax',
  jet: 'Hazelcast Jet',
  flink: 'Flink mini-cluster',
}

/** What is promised of our speed as a multiple of a peer's, by CPU time. */
export interface PeerBounds {
  readonly floor: number
  readonly aim: number
}

/** How peers meet a workload. */
export interface PeerPlan<Input> {
  /** What the peers' programs call it. */
  readonly task: string
  /** Our variant that is compared; the right answer is also the one for it. */
  readonly ours: string
  /** The rows, a line of tab-separated fields each. */
  readonly lines: (input: Input) => readonly string[]
  /** The input of a peer that would take minutes over the whole of it. */
  readonly shortened?: Partial<Record<PeerName, (input: Input) => Input>>
  /** Event time by which every further pass is later, milliseconds; 0 without event time. */
  readonly span: number
  /** Passes of a peer that does not decide by time. */
  readonly passes: number
  /** On how many workers they run. @defaultValue one, and two */
  readonly workers?: readonly number[]
  /** The peers that have this task; `null` where nothing is promised. */
  readonly peers: Partial<Record<PeerName, PeerBounds | null>>
}

/** The name of a peer's variant: `bytewax`, `jet-60-1`, and with two workers `bytewax x2`. */
export const peerVariant = (name: PeerName, ours: string, workers: number): string =>
  `${name}${ours.replace('tidemark', '')}${workers === 1 ? '' : ` x${workers}`}`

/** What a peer's program says, after {@link PEER_MARK}. */
interface PeerAnswer extends Tally {
  /** All passes, warm-up included: what `count` and `sum` are the answer to. */
  readonly passes: number
  readonly slices: readonly {
    readonly cpuMs: number
    readonly wallMs: number
    readonly passes: number
  }[]
  readonly rssMb: number
}

/** Begins the line of the answer, whatever else a peer may print. */
export const PEER_MARK = '@peer '

export interface PeerRun {
  /** The program and what comes before the arguments of a run. */
  readonly command: readonly string[]
  readonly task: string
  readonly lines: readonly string[]
  readonly workers: number
  readonly passes: number
  readonly span: number
  readonly pace: Pace
}

/** Milliseconds of CPU and of wall time a pass, the medians of the timed slices. */
export interface PeerTimes {
  readonly answer: PeerAnswer
  readonly cpuMs: number
  readonly wallMs: number
}

const LIMIT_MS = 170_000

/** A JVM compiles for longer than we do: it is given this many times our longest warm-up. */
const JVM_PATIENCE = 2

/**
 * Runs a peer's program once: `TASK ROWS WORKERS PASSES SPAN WARM_MS SLICE_MS SLICES`.
 *
 * @throws Error when it ends without an answer, with what it wrote to stderr
 */
export const runPeer = async (run: PeerRun): Promise<PeerTimes> => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-peer-'))
  try {
    const rows = join(folder, 'rows.tsv')
    await writeFile(rows, `${run.lines.join('\n')}\n`)
    const answer = await ask(run, rows)
    const per = (pick: 'cpuMs' | 'wallMs'): number =>
      median(answer.slices.map((slice) => slice[pick] / slice.passes))
    return { answer, cpuMs: per('cpuMs'), wallMs: per('wallMs') }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const ask = async (run: PeerRun, rows: string): Promise<PeerAnswer> => {
  const [program = '', ...first] = run.command
  const { pace, task, workers, passes, span } = run
  const warmMs = pace.warmLimitMs * JVM_PATIENCE
  const numbers = [workers, passes, span, warmMs, 4 * pace.sliceMs, pace.slices].map(String)
  const { stdout, stderr } = await promisify(execFile)(
    program,
    [...first, task, rows, ...numbers],
    {
      timeout: LIMIT_MS,
      maxBuffer: 2 ** 26,
    },
  )
  const line = stdout.split('\n').findLast((text) => text.startsWith(PEER_MARK))
  if (line === undefined) {
    throw new Error(`The peer ended without an answer. ${stderr.slice(-500)}`.trim())
  }
  return JSON.parse(line.slice(PEER_MARK.length))
}
