import { durationOption, positiveCount } from '../lib/flow/options.ts'
import type { DurationLike } from '../lib/time/time.ts'
import type { Chance } from './chance.ts'
import type { Way, Weather } from './virtual-broker.ts'

/**
 * What goes wrong between workers. Each field that is left out is drawn from the seed.
 *
 * Ranges: packet loss 0 to 30 %, duplicates 0 to 50 %, delays of 30 to 100 ms, paths clogged for up to
 * 5 s, as TigerBeetle's simulator draws them.
 */
export interface NetworkFaults {
  /** The share of datagrams that never come, in [0, 1). */
  readonly loss?: number
  /** The share that comes twice, in [0, 1]. */
  readonly duplicates?: number
  /** The longest that one is under way. */
  readonly delay?: DurationLike
  /** The share that does not wait for those sent before it, in [0, 1]. */
  readonly reorder?: number
  /** How many times in each execution a worker is cut off for up to 10 s, in one direction or both. */
  readonly partitions?: number
  /** How many times in each execution one way between two workers holds everything back for up to 5 s. */
  readonly clogs?: number
  /** How many times in each execution nobody reaches anybody, for up to 5 s. */
  readonly outages?: number
}

/** What goes wrong with the recovery store. Each field that is left out is drawn from the seed. */
export interface DiskFaults {
  /** The longest that a write takes. */
  readonly delay?: DurationLike
  /** The share of writes that fail, in [0, 1); half of those are there nevertheless. */
  readonly failures?: number
}

/** What goes wrong with the wall clock. Each field that is left out is drawn from the seed. */
export interface ClockFaults {
  /** How many times in each execution it jumps. */
  readonly jumps?: number
  /** How far, forward or back. @defaultValue 1 hour */
  readonly by?: DurationLike
}

/** Where in a run something happens: an execution, from 0, and how many of its tasks have run. */
interface Moment {
  readonly execution: number
  readonly task: number
}

/** One thing that goes wrong at one moment; times in milliseconds, workers modulo their number. */
export type FaultEvent = Moment &
  (
    | { readonly kind: 'crash' }
    | { readonly kind: 'pause'; readonly worker: number; readonly millis: number }
    | { readonly kind: 'jump'; readonly millis: number }
    | {
        readonly kind: 'partition'
        readonly worker: number
        readonly way: Way
        readonly millis: number
      }
    | {
        readonly kind: 'clog'
        readonly from: number
        readonly to: number
        readonly millis: number
      }
    | { readonly kind: 'outage'; readonly millis: number }
  )

/** What goes wrong in a simulation; what is left out does not. How and when, the seed decides. */
export interface Faults {
  /** Workers are joined by the links of a cluster, over a broker that loses, doubles and delays. */
  readonly network?: NetworkFaults
  readonly disk?: DiskFaults
  readonly clock?: ClockFaults
  /** How many executions die with all their workers, as in a power cut; the next one resumes. */
  readonly crashes?: number
  /** How many times in each execution a worker stands still for up to `pauseFor`. */
  readonly pauses?: number
  /** @defaultValue 5 seconds */
  readonly pauseFor?: DurationLike
  /** All of these strike within so many tasks of the beginning of an execution. @defaultValue 2000 */
  readonly within?: number
  /** These, too: what a simulation tells of one can be given to another. */
  readonly events?: readonly FaultEvent[]
}

/** Faults with nothing left to draw. */
export interface FaultPlan {
  readonly network: Weather | null
  readonly disk: { readonly delay: number; readonly failures: number }
  readonly events: readonly FaultEvent[]
}

const HOUR = 3_600_000
const LONGEST_PARTITION = 10_000
const LONGEST_CLOG = 5000
const LONGEST_OUTAGE = 5000

/** Each kind is there or not, so that runs also see what one kind does alone. */
const anyFaults = (chance: Chance): Faults => {
  const crashes = chance.below(4)
  const pauses = chance.below(2)
  const within = [30, 200, 800, 2000][chance.below(4)] as number
  return {
    ...(chance.happens(0.7) ? { network: {} } : {}),
    ...(chance.happens(0.6) ? { disk: {} } : {}),
    ...(chance.happens(0.4) ? { clock: {} } : {}),
    crashes,
    pauses,
    within,
  }
}

/** Draws what `faults` leaves open. */
export const drawFaults = (faults: Faults | 'any', chance: Chance): FaultPlan => {
  const asked = faults === 'any' ? anyFaults(chance) : faults
  const network = asked.network === undefined ? null : weatherOf(asked.network, chance.fork())
  const disk = diskOf(asked.disk, chance.fork())
  return { network, disk, events: [...(asked.events ?? []), ...eventsOf(asked, chance.fork())] }
}

/** The plan as faults that draw nothing more. */
export const faultsOf = ({ network, disk, events }: FaultPlan): Faults => ({
  ...(network === null ? {} : { network: { ...network, partitions: 0, clogs: 0, outages: 0 } }),
  disk,
  events,
})

/** Draws in any case, so that what is given does not move the rest. */
const weatherOf = (given: NetworkFaults, chance: Chance): Weather => {
  const drawn = {
    loss: chance.happens(0.3) ? 0 : chance.number() * 0.3,
    duplicates: chance.happens(0.3) ? 0 : chance.number() * 0.5,
    delay: chance.happens(0.3) ? 1 : 60 + chance.number() * 140,
    reorder: chance.happens(0.3) ? 0 : chance.number(),
  }
  return {
    loss: share('loss', given.loss ?? drawn.loss),
    duplicates: share('duplicates', given.duplicates ?? drawn.duplicates),
    delay: durationOption('delay', given.delay ?? drawn.delay),
    reorder: share('reorder', given.reorder ?? drawn.reorder),
  }
}

const DISK_DELAY = 20

const diskOf = (given: DiskFaults | undefined, chance: Chance): FaultPlan['disk'] => {
  const drawn = { delay: chance.number() * 100, failures: chance.number() * 0.1 }
  if (given === undefined) return { delay: DISK_DELAY, failures: 0 }
  return {
    delay: durationOption('delay', given.delay ?? drawn.delay),
    failures: share('failures', given.failures ?? drawn.failures),
  }
}

const share = (name: string, part: number): number => {
  if (part >= 0 && part <= 1) return part
  throw new RangeError(`${name} must be a share, from 0 to 1; got ${part}.`)
}

/** Executions that follow those which were to crash are left alone, so that one comes to its end. */
const eventsOf = (faults: Faults, chance: Chance): FaultEvent[] => {
  const { crashes = 0, pauses = 0, pauseFor = 5000, network, clock } = faults
  const within = positiveCount('within', faults.within ?? 2000)
  const most = { partitions: 0, clogs: 0, outages: 0, jumps: 0 }
  if (network !== undefined) {
    most.partitions = network.partitions ?? chance.below(3)
    most.clogs = network.clogs ?? chance.below(3)
    most.outages = network.outages ?? chance.below(2)
  }
  if (clock !== undefined) most.jumps = clock.jumps ?? 1 + chance.below(2)
  const longestPause = durationOption('pauseFor', pauseFor)
  const furthest = durationOption('by', clock?.by ?? HOUR)
  const worker = (): number => chance.below(1024)
  const length = (longest: number): number => Math.round(chance.number() * longest)
  const events: FaultEvent[] = []
  for (let execution = 0; execution <= crashes; execution++) {
    const at = (): Moment => ({ execution, task: momentWithin(within, chance) })
    const times = (count: number, make: () => FaultEvent): void => {
      for (let left = count; left > 0; left--) events.push(make())
    }
    times(pauses, () => ({
      ...at(),
      kind: 'pause',
      worker: worker(),
      millis: length(longestPause),
    }))
    times(most.jumps, () => ({
      ...at(),
      kind: 'jump',
      millis: Math.round((chance.number() * 2 - 1) * furthest),
    }))
    times(most.partitions, () => ({
      ...at(),
      kind: 'partition',
      worker: worker(),
      way: WAYS[chance.below(WAYS.length)] as Way,
      millis: length(LONGEST_PARTITION),
    }))
    times(most.clogs, () => ({
      ...at(),
      kind: 'clog',
      from: worker(),
      to: worker(),
      millis: length(LONGEST_CLOG),
    }))
    times(most.outages, () => ({ ...at(), kind: 'outage', millis: length(LONGEST_OUTAGE) }))
    if (execution < crashes) events.push({ ...at(), kind: 'crash' })
  }
  return events
}

const WAYS: readonly Way[] = ['both', 'out', 'in']

/** As often early, where a run begins and resumes, as anywhere. */
const momentWithin = (within: number, chance: Chance): number =>
  chance.happens(0.5)
    ? chance.below(within)
    : Math.floor(Math.exp(chance.number() * Math.log(within)))
