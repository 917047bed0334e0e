/**
 * W8: what snapshots cost: the fold of W3b over 1e6 keys, with all of them changed in every epoch,
 * to the same without a store; and the longest that the event loop stands still.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BATCH, cut } from '../data.ts'
import type { Snapshotted } from '../snapshot-flow.ts'
import {
  type Checked,
  type Pace,
  pickVariant,
  type Sample,
  type Workload,
  WrongResultError,
} from '../workload.ts'
import { accountOf, addPayment, expectedRunning, makePayments } from './keyed-fold.ts'

const KEYS = 1_000_000
const SIZE = 1_048_576
const SECOND = 1000

/** Two snapshots of the rarest kind. */
const TIMED = 20 * SECOND
/** Of a look: one. */
const LOOK = 12 * SECOND
/** A pace whose warm-up ends so soon is a look. */
const QUICK = 2 * SECOND

/** Milliseconds between snapshots, and what is judged: the CPU time an item, or the longest stall. */
const variants: Readonly<
  Record<string, { readonly interval: number | null; readonly judged: 'cpu' | 'stall' }>
> = {
  without: { interval: null, judged: 'cpu' },
  '10s': { interval: 10 * SECOND, judged: 'cpu' },
  '1s': { interval: SECOND, judged: 'cpu' },
  'stall-without': { interval: null, judged: 'stall' },
  'stall-10s': { interval: 10 * SECOND, judged: 'stall' },
}

interface Measured {
  readonly found: Snapshotted
  readonly checked: Checked
}

const run = async (
  name: string,
  { size, warmMs, timedMs }: { size: number; warmMs: number; timedMs: number },
): Promise<Measured> => {
  const { interval } = pickVariant(variants, name)
  const { runWithSnapshots } = await import('../snapshot-flow.ts')
  const { keyOn, keyRm, statefulMap } = await import('tidemark/operators')
  const payments = makePayments(size, Math.min(KEYS, size))
  const dir = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  try {
    const found = await runWithSnapshots({
      batches: cut(payments, BATCH),
      steps: (stream) =>
        stream.pipe(keyOn('account', accountOf), statefulMap('total', addPayment), keyRm('bare')),
      snapshots: interval === null ? null : { dir: join(dir, 'state'), interval },
      warmMs,
      timedMs,
    })
    const got = { count: found.count, sum: found.sum }
    return { found, checked: { got, expected: expectedRunning(payments, found.passes) } }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

export const workload: Workload = {
  id: 'W8',
  title:
    'keyed fold, 1e6 keys, all of them in every snapshot: CPU s per 1e6 items; longest stall, ms',
  unit: 'CPU s per 1e6 or ms',
  rows: [
    {
      label: 'W8 snapshots every 10 s, to none',
      ours: '10s',
      gates: [{ against: 'without', better: 'higher', floor: 0.85, aim: 0.97 }],
    },
    { label: 'W8 snapshots every 1 s, CPU s', ours: '1s', gates: [] },
    {
      label: 'W8 longest stall, snapshots every 10 s, ms',
      ours: 'stall-10s',
      gates: [{ against: null, better: 'lower', floor: 50, aim: 10 }],
    },
    { label: 'W8 longest stall without snapshots, ms', ours: 'stall-without', gates: [] },
  ],
  variants: Object.keys(variants),

  async measure(variant: string, pace: Pace): Promise<Sample> {
    const quick = pace.warmLimitMs <= QUICK
    const { found, checked } = await run(variant, {
      size: SIZE,
      warmMs: pace.warmLimitMs,
      timedMs: quick ? LOOK : TIMED,
    })
    const { got, expected } = checked
    if (got.count !== expected.count || got.sum !== expected.sum) {
      throw new WrongResultError(variant, checked)
    }
    const { judged } = pickVariant(variants, variant)
    const millionItems = found.items / 1e6
    return {
      cost: judged === 'stall' ? found.stallMs : found.cpuMs / 1000 / millionItems,
      ...(judged === 'stall' ? {} : { wallCost: found.wallMs / 1000 / millionItems }),
      rssMb: process.resourceUsage().maxRSS / 1024,
      passes: found.passes,
    }
  },

  async check(variant: string, size: number): Promise<Checked> {
    return (await run(variant, { size, warmMs: 0, timedMs: 50 })).checked
  },
}
