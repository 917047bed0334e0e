/**
 * W16: what is left of a flow's throughput while somebody attacks its API: more idle streams than it
 * has places for, heads a letter at a time, heads that are too long, foreign hosts, paths that climb out
 * of their folder, bodies of 100 MB, and scrapes without a pause.
 */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Gate, type Pace, pickVariant, type Sample, type Workload } from '../workload.ts'

const LIMIT_MS = 170_000
const PROGRAM = fileURLToPath(new URL('../programs/siege.mjs', import.meta.url))
const FLAGS = ['--conditions=source', '--import=tsx']

/** The attacks as the program knows them, and as the table tells them. */
const ATTACKS: Readonly<Record<string, string>> = {
  streams: '1 000 idle streams',
  heads: '200 heads a letter at a time',
  bombs: '20 heads of 100 KB a second',
  hosts: '20 foreign hosts a second',
  paths: '20 climbing paths a second',
  bodies: 'bodies of 100 MB',
  scrapes: '200 scrapes a second',
}

const besiege = async (attack: string, { sliceMs, slices }: Pace): Promise<number> => {
  const { NODE_OPTIONS: _, ...env } = process.env
  const seconds = String((10 * sliceMs) / 1000)
  const args = [...FLAGS, PROGRAM, attack, seconds, String(slices)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: LIMIT_MS })
  const left = Number(stdout)
  if (!Number.isFinite(left)) throw new Error(`siege printed ${JSON.stringify(stdout)}.`)
  return left
}

/** An attack costs less than a tenth. */
const gates: readonly Gate[] = [{ against: null, better: 'higher', floor: 0.9, aim: 0.98 }]

export const workload: Workload = {
  id: 'W16',
  title: 'what is left of the throughput while the API is attacked',
  unit: 'throughput, as a share of that in peace',
  rows: Object.entries(ATTACKS).map(([ours, title]) => ({ label: `W16 ${title}`, ours, gates })),
  variants: Object.keys(ATTACKS),

  async measure(variant: string, pace: Pace): Promise<Sample> {
    pickVariant(ATTACKS, variant)
    const cost = await besiege(variant, pace)
    return { cost, rssMb: process.resourceUsage().maxRSS / 1024, passes: pace.slices }
  },

  check: async () => null,
}
