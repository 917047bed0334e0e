/**
 * W14: what a program costs that does almost nothing: a flow of one item from compiled JavaScript,
 * from the start of its process to the end, beside an empty program; and the share of a core that a
 * flow takes while its source has nothing.
 */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median } from '../statistics.ts'
import { type Pace, pickVariant, type Sample, type Workload } from '../workload.ts'

const STARTS = 5
const LIMIT_MS = 120_000

const program = (name: string): string =>
  fileURLToPath(new URL(`../programs/${name}.mjs`, import.meta.url))
const BUILT = fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url))

/** Runs a program in a bare node (no loader, no conditions): as users run what they installed. */
const runProgram = async (name: string, args: readonly string[]): Promise<string> => {
  const { NODE_OPTIONS: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, [program(name), ...args], {
    env,
    timeout: LIMIT_MS,
  })
  return stdout
}

const requireBuild = (): void => {
  if (!existsSync(BUILT)) throw new Error('There is no compiled package: npm run build first.')
}

/** Milliseconds from spawning the program to its exit, and what it printed. */
const timeProgram = async (name: string, expected: string): Promise<number> => {
  const from = performance.now()
  const stdout = await runProgram(name, [])
  const elapsed = performance.now() - from
  if (stdout.trim() !== expected) {
    throw new Error(`${name} printed ${JSON.stringify(stdout)}, not ${JSON.stringify(expected)}.`)
  }
  return elapsed
}

const medianStart = async (name: string, expected: string): Promise<number> => {
  const times: number[] = []
  for (let i = 0; i < STARTS; i += 1) times.push(await timeProgram(name, expected))
  return median(times)
}

const variants: Readonly<Record<string, (pace: Pace) => Promise<number>>> = {
  empty: () => medianStart('empty', ''),
  start: () => {
    requireBuild()
    return medianStart('one-item', '1')
  },
  idle: async ({ idleMs }) => {
    requireBuild()
    const percent = Number(await runProgram('idle', [String(idleMs)]))
    if (!Number.isFinite(percent)) throw new Error('idle printed no number.')
    return percent
  },
}

export const workload: Workload = {
  id: 'W14',
  title: 'cold start from compiled JavaScript (ms), idle CPU (% of a core)',
  unit: 'ms or %',
  rows: [
    {
      label: 'W14 start of a flow, ms',
      ours: 'start',
      gates: [{ against: null, better: 'lower', floor: 400, aim: 200 }],
    },
    {
      label: 'W14 idle CPU, %',
      ours: 'idle',
      gates: [{ against: null, better: 'lower', floor: 2, aim: 0.4 }],
    },
  ],
  variants: Object.keys(variants),

  async measure(variant: string, pace: Pace): Promise<Sample> {
    const cost = await pickVariant(variants, variant)(pace)
    return { cost, rssMb: process.resourceUsage().maxRSS / 1024, passes: 1 }
  },

  check: async () => null,
}
