/**
 * W9: how soon a flow that was killed goes on: from the start of the new process, compiled
 * JavaScript, to its first output, with a state to load for each of 1e4, 1e5 and 1e6 keys.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { commandOf } from '../peers/install.ts'
import { median } from '../statistics.ts'
import { type Pace, type Row, type Sample, type Workload, WrongResultError } from '../workload.ts'

const STARTS = 3
const SIZES = [10_000, 100_000, 1_000_000]
/** What Bytewax is given: its time to load grows with the square of the keys. */
const BESIDE = 632_000
const BYTEWAX = `bytewax-${BESIDE}`
const PARTITIONS = 4

const PROGRAM = fileURLToPath(new URL('../programs/recover.mjs', import.meta.url))
const BUILT = fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url))

/** Floor: 0.5 M keys/s and a second; aim: 2 M keys/s and 0.3 s. */
const rowOf = (keys: number): Row => ({
  label: `W9 ${keys.toExponential(0).replace('+', '')} keys, kill to first output, ms`,
  ours: String(keys),
  gates: [{ against: null, better: 'lower', floor: keys / 500 + 1000, aim: keys / 2000 + 300 }],
})

const begin = (mode: 'fill' | 'resume', dir: string, keys: number): ChildProcess => {
  const { NODE_OPTIONS: _, ...env } = process.env
  return spawn(process.execPath, [PROGRAM, mode, dir, String(keys)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** The first line that a process prints; it is killed then, and gone when this resolves. */
const firstLine = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let line = ''
    child.stdout?.once('data', (chunk: Buffer) => {
      line = chunk.toString()
      child.kill('SIGKILL')
    })
    child.once('error', reject)
    child.once('close', () => {
      if (line === '') reject(new Error('The process ended without a word.'))
      else resolve(line)
    })
  })

const timeResume = async (dir: string, keys: number): Promise<number> => {
  const from = performance.now()
  const child = begin('resume', dir, keys)
  let elapsed = 0
  child.stdout?.once('data', () => {
    elapsed = performance.now() - from
  })
  // The last key once more: 3 a time.
  const expected = `first [["k${String(keys - 1).padStart(6, '0')}",6]]\n`
  const line = await firstLine(child)
  if (line !== expected) {
    throw new WrongResultError(`${keys} keys, which printed ${line.slice(0, 80).trim()},`, {
      got: { count: 1, sum: 0 },
      expected: { count: 1, sum: 6 },
    })
  }
  return elapsed
}

const measure = async (keys: number): Promise<number> => {
  if (!existsSync(BUILT)) throw new Error('There is no compiled package: npm run build first.')
  const { RecoveryStore } = await import('tidemark')
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  try {
    const dir = join(folder, 'filled')
    await RecoveryStore.init(dir, PARTITIONS)
    await firstLine(begin('fill', dir, keys))
    const times: number[] = []
    for (let each = 0; each < STARTS; each += 1) {
      const copy = join(folder, `resumed-${each}`)
      await cp(dir, copy, { recursive: true })
      times.push(await timeResume(copy, keys))
    }
    return median(times)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The same state resumed by Bytewax, which is ended after `patienceMs`. */
const measureBytewax = async (
  keys: number,
  { patienceMs }: Pace,
): Promise<Pick<Sample, 'cost' | 'wasEnded'>> => {
  const [program = '', ...first] = commandOf('bytewax')
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  const store = join(folder, 'filled')
  try {
    await promisify(execFile)(program, [...first, 'fill', store, String(keys)])
    const from = performance.now()
    const child = spawn(program, [...first, 'resume', store, String(keys)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
    const line = await firstLine(child).catch(() => null)
    clearTimeout(timer)
    const elapsed = performance.now() - from
    if (line === null && elapsed < patienceMs) throw new Error('Bytewax ended without a word.')
    return line === null ? { cost: patienceMs, wasEnded: true } : { cost: elapsed }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const workload: Workload = {
  id: 'W9',
  title: 'recovery after kill -9: from the start of the process to its first output',
  unit: 'ms',
  rows: SIZES.map(rowOf),
  variants: [...SIZES, BESIDE].map(String),
  peers: [
    {
      peer: 'bytewax',
      workers: 1,
      label: `W9 ${BESIDE} keys, kill to first output, to Bytewax`,
      ours: String(BESIDE),
      variant: BYTEWAX,
      bounds: { floor: 10, aim: 20 },
    },
  ],

  async measure(variant: string, pace: Pace): Promise<Sample> {
    const seen =
      variant === BYTEWAX
        ? await measureBytewax(BESIDE, pace)
        : { cost: await measure(Number(variant)) }
    return {
      ...seen,
      rssMb: process.resourceUsage().maxRSS / 1024,
      passes: 1,
    }
  },

  check: async () => null,
}
