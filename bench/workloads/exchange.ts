/**
 * What it costs that items go from worker to worker: two threads (W7a), two processes over NATS (W7c, W7d),
 * latency at a fixed rate (W10), and what a second worker brings (W13). Each measure is a program of
 * its own on the compiled package, which checks its own answer and fails where that is wrong.
 */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { LocalNats } from '../../cluster/nats-server.ts'
import { pickVariant, type Row, type Sample, type Workload } from '../workload.ts'

const BUILT = fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url))
const LIMIT_MS = 240_000
const FRAME_BYTES = 32 * 1024

type Reading = Readonly<Record<string, number>>
type Arguments = readonly (string | number)[]

const program = async (name: string, args: Arguments): Promise<Reading> => {
  if (!existsSync(BUILT)) throw new Error('There is no compiled package: npm run build first.')
  const { NODE_OPTIONS: _, ...env } = process.env
  const path = fileURLToPath(new URL(`../programs/${name}.mjs`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [path, ...args.map(String)], {
    env,
    timeout: LIMIT_MS,
  })
  return JSON.parse(stdout)
}

const figure = (reading: Reading, name: string): number => {
  const value = reading[name]
  if (value === undefined || !Number.isFinite(value)) throw new Error(`No ${name} was printed.`)
  return value
}

/** The same program in two processes, at a server of their own, and the bytes that it took in. */
const pair = async (
  name: string,
  args: (own: number, url: string) => Arguments,
): Promise<{ readonly readings: readonly Reading[]; readonly bytes: number }> => {
  const monitor = await freePort()
  const server = await LocalNats.start({ args: ['-m', String(monitor)] })
  try {
    const readings = await Promise.all([0, 1].map((own) => program(name, args(own, server.url))))
    const answer = await fetch(`http://127.0.0.1:${monitor}/varz`)
    const facts = (await answer.json()) as Reading
    return { readings, bytes: figure(facts, 'in_bytes') }
  } finally {
    await server.stop()
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })

const sum = (readings: readonly Reading[], name: string): number =>
  readings.reduce((total, reading) => total + figure(reading, name), 0)

const exchange = (
  about: Pick<Workload, 'id' | 'title' | 'unit'>,
  rows: readonly Row[],
  variants: Readonly<Record<string, () => Promise<Pick<Sample, 'cost' | 'wallCost'>>>>,
): Workload => ({
  ...about,
  rows,
  variants: Object.keys(variants),
  async measure(variant): Promise<Sample> {
    const cost = await pickVariant(variants, variant)()
    return { ...cost, rssMb: process.resourceUsage().maxRSS / 1024, passes: 1 }
  },
  check: async () => null,
})

const crossing = (kind: string, items: number) => async () => {
  const reading = await program('crossing', ['threads', kind, items])
  return { cost: figure(reading, 'cpuPerMillion'), wallCost: 1e6 / figure(reading, 'perSecond') }
}

/** Two cores at so many items a second have that much CPU time for a million of them. */
const cpuAt = (perSecond: number): number => 2e6 / perSecond

export const threads: Workload = exchange(
  { id: 'W7a', title: 'two threads, every item crosses', unit: 'CPU s per 1e6' },
  [
    {
      label: 'W7a two threads, bids of 7 fields',
      ours: 'bids',
      gates: [{ against: null, better: 'lower', floor: cpuAt(1.5e6), aim: cpuAt(3e6) }],
    },
    {
      label: 'W7a two threads, string keys and numbers',
      ours: 'pairs',
      gates: [{ against: null, better: 'lower', floor: cpuAt(3.5e6), aim: cpuAt(8e6) }],
    },
  ],
  { bids: crossing('bids', 3_000_000), pairs: crossing('pairs', 6_000_000) },
)

const FRAMES = 12_000
const ITEMS = 2_000_000

export const processes: Workload = exchange(
  { id: 'W7c', title: 'two processes over NATS, every item crosses', unit: 'wall s per 1e9 bytes' },
  [
    {
      label: 'W7c two processes over NATS, bids',
      ours: 'tidemark',
      gates: [{ against: 'bare', better: 'higher', floor: 0.6, aim: 0.9 }],
    },
  ],
  {
    bare: async () => {
      const { readings } = await pair('bare-nats', (own, url) => [own, url, FRAME_BYTES, FRAMES])
      return { cost: 1e9 / sum(readings, 'bytesPerSecond') }
    },
    tidemark: async () => {
      const { readings, bytes } = await pair('crossing', (own, url) => [
        ...['process', 'bids', ITEMS],
        ...[own, url],
      ])
      // Bytes on the wire for each item, acknowledgements and all.
      const each = bytes / (ITEMS * readings.length)
      return { cost: 1e9 / (sum(readings, 'perSecond') * each) }
    },
  },
)

/** Bids that MessagePack puts into a frame of about the same size. */
const BIDS_A_FRAME = 450
const PACKED_FRAMES = Math.ceil(ITEMS / BIDS_A_FRAME)

export const items: Workload = exchange(
  {
    id: 'W7d',
    title: 'two processes over NATS beside a bare loop that packs and unpacks the same bids',
    unit: 'wall s per 1e6',
  },
  [
    {
      label: 'W7d two processes over NATS, bids a second',
      ours: 'tidemark',
      gates: [{ against: 'packed', better: 'higher', floor: 0.6, aim: 0.9 }],
    },
  ],
  {
    packed: async () => {
      const { readings } = await pair('bare-nats', (own, url) => [
        ...[own, url, FRAME_BYTES],
        ...[PACKED_FRAMES, BIDS_A_FRAME],
      ])
      return { cost: 1e6 / sum(readings, 'perSecond') }
    },
    tidemark: async () => {
      const { readings } = await pair('crossing', (own, url) => [
        ...['process', 'bids', ITEMS],
        ...[own, url],
      ])
      return { cost: 1e6 / sum(readings, 'perSecond') }
    },
  },
)

export const latency: Workload = exchange(
  { id: 'W10', title: 'latency at 100 K items a second, through an exchange', unit: 'ms' },
  [
    {
      label: 'W10 latency at 100 K/s, p99 ms',
      ours: 'p99',
      gates: [{ against: null, better: 'lower', floor: 20, aim: 5 }],
    },
  ],
  {
    p99: async () => ({ cost: figure(await program('crossing', ['latency', 100_000, 8]), 'p99') }),
  },
)

const heavy =
  (workers: number, costOf: (reading: Reading) => number) =>
  async (): Promise<Pick<Sample, 'cost'>> => ({
    cost: costOf(await program('crossing', ['heavy', workers, 600_000])),
  })
const byClock = (reading: Reading): number => 1e6 / figure(reading, 'perSecond')
/** What the busiest worker's thread works for its share: what counts once each has a core. */
const byThread = (reading: Reading): number => figure(reading, 'busiest')

export const scale: Workload = exchange(
  { id: 'W13', title: 'a CPU-heavy keyed step, one worker and two', unit: 's per 1e6' },
  [
    {
      label: 'W13 two workers on a CPU-heavy step',
      ours: 'two',
      gates: [{ against: 'one', better: 'higher', floor: 1.4, aim: 1.8 }],
    },
    {
      label: 'W13 two workers, by the CPU time of the busier one',
      ours: 'two-cpu',
      gates: [{ against: 'one-cpu', better: 'higher', floor: 1.4, aim: 1.8 }],
    },
  ],
  {
    one: heavy(1, byClock),
    two: heavy(2, byClock),
    'one-cpu': heavy(1, byThread),
    'two-cpu': heavy(2, byThread),
  },
)
