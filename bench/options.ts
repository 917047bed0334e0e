import { parseArgs } from 'node:util'
import { catalog, NEXMARK } from './catalog.ts'
import type { Pace } from './workload.ts'

export interface BenchOptions {
  /** Ids of the workloads to run. */
  readonly only: readonly string[]
  /** Rounds: each runs every variant once, in a process of its own. */
  readonly repeat: number
  readonly quick: boolean
  /** Whether docs/performance.md is written from this run. */
  readonly write: boolean
  /** Minutes after which nothing more is begun, the first round aside; `null` for no end. */
  readonly budget: number | null
  /** Whether Bytewax, Hazelcast Jet and Flink run as well, where they can be had. */
  readonly peers: boolean
  /** Whether messages between workers are counted instead, and docs/scaling.md is written. */
  readonly scale: boolean
  /** Whether a missed floor fails the command. */
  readonly gate: boolean
}

export const USAGE = `npm run bench -- [options]

  --only W1,W3a   these workloads only; nexmark stands for all of its queries
  --repeat n      rounds (5); each runs every variant in a process of its own
  --peers         Bytewax, Hazelcast Jet and Flink as well, wherever their registries answer
  --budget n      as many rounds as fit into n minutes, five at most; the first is always whole
  --quick         short slices, three rounds: to see that it runs, not to quote
  --gate          exit 1 when a floor is missed or a variant cannot run
  --scale         instead: count what crosses 2 to 1024 workers, and write docs/scaling.md
  --write         write docs/performance.md from this run
`

/** Fewer rounds say nothing: one run in five is slow for no reason of ours. */
const ROUNDS = 5
const QUICK_ROUNDS = 3

/** @throws RangeError with a sentence for the user when an option makes no sense */
export const parseOptions = (args: readonly string[]): BenchOptions | 'help' => {
  const flags = parseFlags(args)
  if (flags.help) return 'help'
  const only = parseIds(flags.only)
  const repeat = parseRounds(flags)
  if (flags.write && (flags.quick || repeat < ROUNDS)) {
    throw new RangeError(`--write needs whole rounds, at least ${ROUNDS}: leave out --quick.`)
  }
  const { quick, write, gate, peers, scale } = flags
  return { only, repeat, quick, write, gate, peers, scale, budget: parseBudget(flags.budget) }
}

const parseBudget = (budget: string | undefined): number | null => {
  if (budget === undefined) return null
  const minutes = Number(budget)
  if (Number.isFinite(minutes) && minutes > 0) return minutes
  throw new RangeError(`--budget ${budget}: give the minutes that the run may last, more than 0.`)
}

const parseIds = (only: string | undefined): readonly string[] => {
  const known = Object.keys(catalog)
  const ids = only?.split(',').flatMap((id) => (id === 'nexmark' ? NEXMARK : [id])) ?? known
  for (const id of ids) {
    if (!known.includes(id)) {
      throw new RangeError(`--only ${id}: no such workload; there are ${known.join(', ')}.`)
    }
  }
  return ids
}

const parseRounds = ({ repeat, quick }: Flags): number => {
  if (repeat === undefined) return quick ? QUICK_ROUNDS : ROUNDS
  const rounds = Number(repeat)
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new RangeError(`--repeat ${repeat}: give a whole number of rounds, 1 or more.`)
  }
  return rounds
}

interface Flags {
  readonly only?: string
  readonly repeat?: string
  readonly budget?: string
  readonly peers: boolean
  readonly scale: boolean
  readonly quick: boolean
  readonly write: boolean
  readonly gate: boolean
  readonly help: boolean
}

const parseFlags = (args: readonly string[]): Flags => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        repeat: { type: 'string' },
        budget: { type: 'string' },
        scale: { type: 'boolean', default: false },
        peers: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        gate: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    }).values
  } catch (error) {
    throw new RangeError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

const QUICK: Pace = {
  sliceMs: 40,
  warmMs: 300,
  warmLimitMs: 2000,
  slices: 3,
  idleMs: 3000,
  patienceMs: 20_000,
}
/** More rounds in a given time say more than longer slices do. */
const BUDGETED: Pace = {
  sliceMs: 60,
  warmMs: 500,
  warmLimitMs: 2500,
  slices: 5,
  idleMs: 5000,
  patienceMs: 30_000,
}
const WHOLE: Pace = {
  sliceMs: 100,
  warmMs: 800,
  warmLimitMs: 6000,
  slices: 5,
  idleMs: 10_000,
  patienceMs: 110_000,
}

export const paceOf = ({ quick, budget }: Pick<BenchOptions, 'quick' | 'budget'>): Pace => {
  if (quick) return QUICK
  return budget === null ? WHOLE : BUDGETED
}
