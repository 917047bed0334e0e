/**
 * W8s: how much room a store takes to the state that lives in it: 1e5 keys, all of them changed in
 * each of 100 epochs, with nothing superseded kept (`backupInterval` 0).
 *
 * The bytes of all files in the directory, to the bytes of keys and states as they are packed. While a
 * flow runs, LevelDB's logs and tables that it has yet to merge come on top: some MB for each
 * partition, whatever the state's size, which the end of a run gives back. What
 * the store is worth is shown by a second run, which must go on from every key's state.
 */

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeKeys } from '../data.ts'
import {
  type Checked,
  pickVariant,
  type Sample,
  type Workload,
  WrongResultError,
} from '../workload.ts'

const KEYS = 100_000
const EPOCHS = 100

/** Whether the directory is looked at behind the end of the run, or as its last epoch is committed. */
const variants: Readonly<Record<string, 'ended' | 'running'>> = {
  ended: 'ended',
  running: 'running',
}

interface Filled {
  readonly ratio: number
  readonly checked: Checked
}

const bytesOf = async (dir: string): Promise<number> => {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const sizes = entries
    .filter((entry) => entry.isFile())
    // A table may be dropped between being listed and being looked at.
    .map((entry) =>
      stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    )
  return (await Promise.all(sizes)).reduce((total, bytes) => total + bytes, 0)
}

const measure = async (variant: string, size: number, epochs: number): Promise<Filled> => {
  const when = pickVariant(variants, variant)
  const { fillStore } = await import('../store-flow.ts')
  const { inspectStore } = await import('../../lib/recovery/inspect.ts')
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  try {
    const dir = join(folder, 'state')
    const keys = makeKeys(size)
    let bytes = 0
    const first = await fillStore({
      dir,
      keys,
      epochs,
      onCommitted: async () => {
        bytes = await bytesOf(dir)
      },
    })
    if (when === 'ended') bytes = await bytesOf(dir)
    const { steps, damage } = await inspectStore(dir)
    const live = steps.reduce((total, step) => total + step.bytes, 0)
    const second = await fillStore({
      dir,
      keys,
      epochs: 1,
      onCommitted: async () => {},
    })
    const got = { count: first.count + second.count, sum: (first.sum + second.sum) >>> 0 }
    const passes = epochs + 1
    const expected = {
      count: size * passes,
      sum: Number((BigInt(size) * BigInt((passes * (passes + 1)) / 2)) % 2n ** 32n),
    }
    if (damage.length > 0) throw new Error(damage.join(' '))
    return { ratio: bytes / live, checked: { got, expected } }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const workload: Workload = {
  id: 'W8s',
  title: 'room of a store to its live state, 1e5 keys, after 100 epochs of all of them',
  unit: 'times live state',
  rows: [
    {
      label: 'W8s store to live state, after the run',
      ours: 'ended',
      gates: [{ against: null, better: 'lower', floor: 3, aim: 2 }],
    },
    { label: 'W8s store to live state, while it runs', ours: 'running', gates: [] },
  ],
  variants: Object.keys(variants),

  async measure(variant: string): Promise<Sample> {
    const { ratio, checked } = await measure(variant, KEYS, EPOCHS)
    const { got, expected } = checked
    if (got.count !== expected.count || got.sum !== expected.sum) {
      throw new WrongResultError(variant, checked)
    }
    return { cost: ratio, rssMb: process.resourceUsage().maxRSS / 1024, passes: EPOCHS }
  },

  async check(variant: string, size: number, passes: number): Promise<Checked> {
    return (await measure(variant, size, passes)).checked
  },
}
