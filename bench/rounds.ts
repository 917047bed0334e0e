import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { PeerName } from './peers/peer.ts'
import { type Answer, MARK, type Order } from './protocol.ts'
import type { Costs } from './statistics.ts'
import type { Pace, Sample, Workload } from './workload.ts'

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))
const LIMIT_MS = 180_000

/** Everything that a workload's rounds have shown. */
export interface Findings {
  readonly workload: Workload
  readonly samples: ReadonlyMap<string, readonly Sample[]>
  /** Variants whose answer was wrong, or that could not run, each with the reason. */
  readonly wrong: ReadonlyMap<string, string>
  readonly failed: ReadonlyMap<string, string>
}

export const costsOf = (findings: Findings): Costs =>
  new Map([...findings.samples].map(([name, samples]) => [name, samples.map((one) => one.cost)]))

/** The same by the wall clock; a cost that is not of time stands for itself. */
export const wallCostsOf = (findings: Findings): Costs =>
  new Map(
    [...findings.samples].map(([name, samples]) => [
      name,
      samples.map((one) => one.wallCost ?? one.cost),
    ]),
  )

export interface RoundsSpec {
  readonly workloads: readonly Workload[]
  readonly repeat: number
  readonly pace: Pace
  /** Other systems that are here, and why the rest is not; none takes part when this is empty. */
  readonly peers: ReadonlyMap<PeerName, string | null>
  /**
   * Milliseconds after which nothing is begun that might take longer; `null` for no end. The first
   * round of what runs on one worker is made in any case.
   */
  readonly budgetMs: number | null
  /** Told before each process starts. */
  readonly onProgress: (text: string) => void
}

/** One process of a round. */
interface Job {
  readonly workload: Workload
  readonly variant: string
  readonly heard: Answers
  /** The other system that runs it; `null` for what runs in this language. */
  readonly peer: PeerName | null
  readonly workers: number
}

/** What a process is thought to take before one like it has been seen, milliseconds. */
const GUESS_MS = 8000
const PEER_GUESS_MS = 45_000
/** Another system that takes longer than this runs once: its ratio is far from any bound. */
const REPEATED_MS = 25_000

/**
 * Runs every variant of every workload once a round, each time in a process of its own; every other
 * round goes backwards, so that a machine that slows down favors nobody. A variant that failed is
 * not tried again. Other systems on two workers run last, and once: what they are beside one is
 * told, not judged.
 */
export const runRounds = async (spec: RoundsSpec): Promise<Findings[]> => {
  const heard = new Map(spec.workloads.map((workload) => [workload, new Answers()]))
  const jobs = spec.workloads.flatMap((workload) =>
    jobsOf(workload, heard.get(workload) ?? new Answers(), spec.peers),
  )
  const clock = new Budget(spec.budgetMs)
  for (let round = 0; round < spec.repeat; round += 1) {
    for (const job of inOrder(jobs, round)) await runJob(job, { spec, clock, round })
  }
  return [...heard].map(([workload, { samples, wrong, failed }]) => ({
    workload,
    samples,
    wrong,
    failed,
  }))
}

const jobsOf = (workload: Workload, heard: Answers, peers: RoundsSpec['peers']): readonly Job[] => {
  const own = workload.variants.map((variant) => ({ variant, peer: null, workers: 1 }))
  const others = (workload.peers ?? []).filter(({ peer }) => peers.has(peer))
  for (const { peer, variant } of others) {
    const reason = peers.get(peer) ?? null
    if (reason !== null) heard.add(variant, { kind: 'failed', message: reason })
  }
  return [...own, ...others].map((job) => ({ ...job, workload, heard }))
}

const inOrder = (jobs: readonly Job[], round: number): readonly Job[] => {
  const single = jobs.filter((job) => job.workers === 1)
  if (round === 0) return [...single, ...jobs.filter((job) => job.workers > 1)]
  return round % 2 === 0 ? single : single.reverse()
}

interface Round {
  readonly spec: RoundsSpec
  readonly clock: Budget
  readonly round: number
}

const runJob = async (job: Job, { spec, clock, round }: Round): Promise<void> => {
  const { workload, variant, heard } = job
  if (heard.gaveUp(variant)) return
  const isOwed = round === 0 && job.workers === 1
  if (!isOwed && !clock.allows(job)) {
    if (round === 0) heard.add(variant, NO_TIME)
    return
  }
  spec.onProgress(`${workload.id} ${variant} ${round + 1}/${spec.repeat}`)
  const from = performance.now()
  const order = { workload: workload.id, variant, pace: spec.pace }
  const answer = await runChild(order, isOwed ? LIMIT_MS : Math.min(LIMIT_MS, clock.leftMs))
  const wasCutShort = !isOwed && answer.kind === 'failed' && clock.leftMs === 0
  if (!wasCutShort) heard.add(variant, answer)
  else if (round === 0) heard.add(variant, NO_TIME)
  clock.took(job, performance.now() - from)
}

const NO_TIME: Answer = { kind: 'failed', message: 'no time was left for it' }

/** What is left of the time, and what each process took when it last ran. */
class Budget {
  readonly #ends: number
  readonly #took = new Map<Job, number>()

  constructor(budgetMs: number | null) {
    this.#ends = budgetMs === null ? Number.POSITIVE_INFINITY : performance.now() + budgetMs
  }

  allows(job: Job): boolean {
    const last = this.#took.get(job)
    if (job.peer !== null && last !== undefined && last > REPEATED_MS) return false
    const guess = last ?? (job.peer === null ? GUESS_MS : PEER_GUESS_MS)
    return performance.now() + guess < this.#ends
  }

  /** Milliseconds until everything has to be at an end. */
  get leftMs(): number {
    return Math.max(0, this.#ends - performance.now())
  }

  took(job: Job, elapsedMs: number): void {
    this.#took.set(job, elapsedMs)
  }
}

/** What the variants have said; a wrong answer takes the variant's earlier times with it. */
class Answers {
  readonly samples = new Map<string, Sample[]>()
  readonly wrong = new Map<string, string>()
  readonly failed = new Map<string, string>()

  gaveUp(variant: string): boolean {
    return this.wrong.has(variant) || this.failed.has(variant)
  }

  add(variant: string, answer: Answer): void {
    if (answer.kind === 'sample') {
      this.samples.set(variant, [...(this.samples.get(variant) ?? []), answer.sample])
      return
    }
    this.samples.delete(variant)
    const reasons = answer.kind === 'wrong' ? this.wrong : this.failed
    reasons.set(variant, answer.message)
  }
}

const FLAGS = ['--conditions=source', '--import=tsx', '--expose-gc']

const runChild = async (order: Order, timeout: number): Promise<Answer> => {
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [...FLAGS, CHILD, JSON.stringify(order)],
      { timeout: Math.ceil(timeout), maxBuffer: 2 ** 26 },
    )
    return parseAnswer(stdout, stderr)
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
}

const parseAnswer = (stdout: string, stderr: string): Answer => {
  const line = stdout.split('\n').findLast((text) => text.startsWith(MARK))
  if (line === undefined) {
    return { kind: 'failed', message: `The process ended without an answer. ${stderr}`.trim() }
  }
  return JSON.parse(line.slice(MARK.length))
}
