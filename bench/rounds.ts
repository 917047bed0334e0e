import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
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

export interface RoundsSpec {
  readonly workload: Workload
  readonly repeat: number
  readonly pace: Pace
  /** Told before each process starts. */
  readonly onProgress: (text: string) => void
}

/**
 * Runs every variant once a round, each time in a process of its own; every other round goes
 * backwards, so that a machine that slows down favors nobody. A variant that failed is not tried
 * again.
 */
export const runRounds = async (spec: RoundsSpec): Promise<Findings> => {
  const { workload, repeat, pace, onProgress } = spec
  const heard = new Answers()
  for (let round = 0; round < repeat; round += 1) {
    const order = round % 2 === 0 ? workload.variants : [...workload.variants].reverse()
    for (const variant of order.filter((name) => !heard.gaveUp(name))) {
      onProgress(`${workload.id} ${variant} ${round + 1}/${repeat}`)
      heard.add(variant, await runChild({ workload: workload.id, variant, pace }))
    }
  }
  return { workload, samples: heard.samples, wrong: heard.wrong, failed: heard.failed }
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

const runChild = async (order: Order): Promise<Answer> => {
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [...FLAGS, CHILD, JSON.stringify(order)],
      { timeout: LIMIT_MS, maxBuffer: 2 ** 26 },
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
