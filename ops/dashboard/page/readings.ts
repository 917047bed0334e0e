import { DURATION_BOUNDS, type DurationCounts } from '../../../lib/actor/durations.ts'
import type { PartNow } from '../../../lib/worker/watermarks-behavior.ts'
import { type FlowNow, stepsSeen, type TwoLooks } from '../../doctor/flow-now.ts'

/** A step's part of the work on one worker. */
interface Share {
  readonly worker: number
  /** Items a second. */
  readonly rate: number
  /** Of all that the step takes, on all workers. */
  readonly share: number
  readonly keys: number
}

/** A key that many items have. */
interface HotKeyReading {
  readonly key: string
  readonly share: number
  readonly worker: number
}

/** How a step does, over all workers. */
export interface StepReading {
  readonly step: string
  /** The steps that run as one with it, itself the first. */
  readonly fused: readonly string[]
  readonly rateIn: number
  /** By output. */
  readonly ratesOut: readonly number[]
  /** The share of its time that the busiest worker is at work on it. */
  readonly busy: number
  readonly busiest: number
  readonly waiting: number
  readonly blocked: boolean
  /** Items wait, none is taken, and it is not at work: it waits for calls. */
  readonly stuck: boolean
  readonly ended: boolean
  readonly keys: number | null
  readonly late: number | null
  readonly lag: number | null
  /** Milliseconds; `null` while it took none. */
  readonly perBatch: number | null
  readonly shares: readonly Share[]
  readonly hotKeys: readonly HotKeyReading[]
}

/** A source partition that has a say in a watermark. */
interface PartReading extends PartNow {
  /** The step that makes the watermark. */
  readonly step: string
  readonly worker: number
  /** Milliseconds behind the clock; `null` before its first item. */
  readonly behind: number | null
  readonly holds: boolean
}

/** All that the page shows, from two looks at the flow. */
export interface Readings {
  readonly rateIn: number
  readonly rateOut: number
  readonly waiting: number
  /** Milliseconds; `null` where nobody makes watermarks. */
  readonly behind: number | null
  readonly batch: Quantiles | null
  /** Milliseconds to the slowest sink, of the epochs that ended between the looks; `null` of none. */
  readonly latency: number | null
  readonly steps: ReadonlyMap<string, StepReading>
  readonly slowest: StepReading | null
  readonly parts: readonly PartReading[]
}

export interface Quantiles {
  readonly middle: number
  readonly most: number
}

/** As `tidemark doctor` sees it: what is at its limit, or busy while others wait for it. */
const BUSY = 0.8
/** A partition holds others back that is this far behind the next: milliseconds. */
const GAP = 1000

export const readingsOf = (looks: TwoLooks): Readings => {
  const { before, after } = looks
  const seconds = Math.max(0.001, (after.time - before.time) / 1000)
  const steps = stepReadings(looks, seconds)
  const parts = partReadings(after)
  const times = parts.flatMap(({ behind }) => (behind === null ? [] : [behind]))
  return {
    rateIn: Math.max(0, after.itemsIn - before.itemsIn) / seconds,
    rateOut: Math.max(0, after.itemsOut - before.itemsOut) / seconds,
    waiting: [...steps.values()].reduce((sum, { waiting }) => sum + waiting, 0),
    behind: times.length === 0 ? null : Math.max(...times),
    batch: quantiles(sumOf(after), sumOf(before)),
    latency: latencyOf(looks),
    steps,
    slowest: slowestOf([...steps.values()]),
    parts,
  }
}

const stepReadings = (looks: TwoLooks, seconds: number): ReadonlyMap<string, StepReading> => {
  const seen = grouped(stepsSeen(looks), ({ now }) => now.step)
  const { before } = looks
  const earlier = (worker: number, step: string) =>
    before.workers
      .find((each) => each.worker === worker)
      ?.steps.find((each) => each.step === step) ?? null
  return new Map(
    [...seen].map(([step, all]) => {
      const first = all[0]?.now
      const taken = all.reduce((sum, each) => sum + Math.max(0, each.taken), 0)
      const busiest = all.reduce((a, b) => (b.busy > a.busy ? b : a))
      const sum = (read: (now: (typeof all)[number]['now']) => number | null): number | null => {
        const numbers = all.map(({ now }) => read(now)).filter((each) => each !== null)
        return numbers.length === 0 ? null : numbers.reduce((a, b) => a + b, 0)
      }
      const reading: StepReading = {
        step,
        fused: first?.fused ?? [step],
        rateIn: taken / seconds,
        ratesOut: (first?.itemsOut ?? []).map(
          (_, output) =>
            all.reduce((total, { worker, now }) => {
              const then = earlier(worker, step)?.itemsOut[output] ?? 0
              return total + Math.max(0, (now.itemsOut[output] ?? 0) - then)
            }, 0) / seconds,
        ),
        busy: Math.max(0, busiest.busy),
        busiest: busiest.worker,
        waiting: sum(({ queuedItems }) => queuedItems) ?? 0,
        blocked: all.some(({ now }) => now.blocked),
        stuck: all.some(
          ({ now, taken: own, busy }) =>
            now.queuedItems > 0 && own === 0 && busy < BUSY && (now.held || !now.blocked),
        ),
        ended: all.every(({ now }) => now.ended),
        keys: sum(({ keys }) => keys),
        late: sum(({ late }) => late),
        lag: sum(({ lags }) =>
          lags.length === 0 ? null : lags.reduce((total, [, items]) => total + items, 0),
        ),
        perBatch: perBatch(
          all.map(({ worker, now }) => [now.batches, earlier(worker, step)?.batches]),
        ),
        shares: all.map(({ worker, now, taken: own }) => ({
          worker,
          rate: Math.max(0, own) / seconds,
          share: taken === 0 ? 0 : Math.max(0, own) / taken,
          keys: now.keys ?? 0,
        })),
        hotKeys: all
          .flatMap(({ worker, now }) =>
            (now.hotKeys ?? []).map(([key, share]) => ({ key, share, worker })),
          )
          .sort((a, b) => b.share - a.share)
          .slice(0, 3),
      }
      return [step, reading]
    }),
  )
}

/** The mean time to the sink that it was longest to. */
const latencyOf = (looks: TwoLooks): number | null => {
  const means = stepsSeen(looks).flatMap(({ worker, now }) => {
    if (now.latency === null) return []
    const then = looks.before.workers
      .find((each) => each.worker === worker)
      ?.steps.find(({ step }) => step === now.step)?.latency
    return perBatch([[now.latency, then ?? undefined]]) ?? []
  })
  return means.length === 0 ? null : Math.max(...means)
}

const slowestOf = (steps: readonly StepReading[]): StepReading | null =>
  steps
    .filter(
      ({ busy, waiting, ended }) => !ended && (busy >= BUSY || (waiting > 0 && busy >= BUSY / 2)),
    )
    .sort((a, b) => b.busy - a.busy || b.waiting - a.waiting)[0] ?? null

const partReadings = ({ workers, time }: FlowNow): readonly PartReading[] => {
  const parts = workers.flatMap(({ worker, steps }) =>
    steps.flatMap(({ step, parts: own }) => (own ?? []).map((part) => ({ ...part, step, worker }))),
  )
  return [...grouped(parts, ({ step }) => step).values()].flatMap((of) => {
    const sorted = of.toSorted((a, b) => timeOf(a) - timeOf(b))
    return sorted.map((part, at) => {
      const next = sorted[1]
      const gap = next === undefined ? 0 : timeOf(next) - timeOf(part)
      return {
        ...part,
        behind: part.watermark === null ? null : Math.max(0, time - part.watermark),
        holds: at === 0 && gap > GAP,
      }
    })
  })
}

const timeOf = ({ watermark }: PartNow): number => watermark ?? Number.NEGATIVE_INFINITY

type Counted = readonly [now: DurationCounts, then: DurationCounts | undefined]

const perBatch = (all: readonly Counted[]): number | null => {
  let batches = 0
  let time = 0
  for (const [now, then] of all) {
    batches += total(now.counts) - total(then?.counts ?? [])
    time += now.sum - (then?.sum ?? 0)
  }
  return batches <= 0 ? null : Math.max(0, time) / batches
}

const sumOf = ({ workers }: FlowNow): readonly number[] => {
  const counts: number[] = Array(DURATION_BOUNDS.length + 1).fill(0)
  for (const { steps } of workers) {
    for (const { batches } of steps) {
      batches.counts.forEach((number, at) => {
        counts[at] = (counts[at] ?? 0) + number
      })
    }
  }
  return counts
}

/** Half of the batches took no longer than `middle`, and 99 of 100 no longer than `most`. */
export const quantiles = (now: readonly number[], then: readonly number[]): Quantiles | null => {
  const counts = now.map((number, at) => Math.max(0, number - (then[at] ?? 0)))
  const all = total(counts)
  if (all === 0) return null
  return { middle: quantile(counts, all / 2), most: quantile(counts, all * 0.99) }
}

/** Within its bucket a rank lies as far along as it is in the count. */
const quantile = (counts: readonly number[], rank: number): number => {
  let below = 0
  for (const [at, number] of counts.entries()) {
    const low = DURATION_BOUNDS[at - 1] ?? 0
    const high = DURATION_BOUNDS[at] ?? low
    if (number > 0 && below + number >= rank) return low + (high - low) * ((rank - below) / number)
    below += number
  }
  return DURATION_BOUNDS.at(-1) ?? 0
}

const total = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const grouped = <T>(all: readonly T[], key: (each: T) => string): ReadonlyMap<string, T[]> => {
  const groups = new Map<string, T[]>()
  for (const each of all) groups.set(key(each), [...(groups.get(key(each)) ?? []), each])
  return groups
}
