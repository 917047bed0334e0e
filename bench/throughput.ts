import { FixedLaps, SteadyLaps } from './laps.ts'
import { commandOf } from './peers/install.ts'
import { PEER_TITLES, type PeerName, type PeerPlan, peerVariant, runPeer } from './peers/peer.ts'
import {
  type Checked,
  type Pace,
  type PeerRow,
  pickVariant,
  type Row,
  type Sample,
  type Tally,
  type Variant,
  type Workload,
  WrongResultError,
} from './workload.ts'

/** A workload whose cost is CPU time an item. */
export interface ThroughputSpec<Input> {
  readonly id: string
  readonly title: string
  readonly rows: readonly Row[]
  /** Size of the input that is measured; what `size` counts is the workload's own affair. */
  readonly size: number
  /** What a pass counts, for `size`. */
  items(size: number): number
  /** Makes the input: the same one for the same size. */
  input(size: number): Input
  /** The right answer after `passes` passes, found by another way than any variant's. */
  expected(input: Input, passes: number, variant: string): Tally
  readonly variants: Readonly<Record<string, Variant<Input>>>
  /** How other systems meet it; they run when they are asked for. */
  readonly plans?: readonly PeerPlan<Input>[]
}

/** A workload measured in CPU seconds for 1e6 items, warm, its answer checked. */
export const throughput = <Input>(spec: ThroughputSpec<Input>): Workload => ({
  id: spec.id,
  title: spec.title,
  unit: 'CPU s per 1e6',
  rows: spec.rows,
  variants: Object.keys(spec.variants),
  peers: (spec.plans ?? []).flatMap((plan) => peerRows(spec.id, plan)),

  async measure(variant: string, pace: Pace): Promise<Sample> {
    const peer = peersOf(spec).get(variant)
    if (peer !== undefined) return measurePeer(spec, { ...peer, variant, pace })
    const input = spec.input(spec.size)
    const laps = new SteadyLaps(pace)
    const outcome = await pickVariant(spec.variants, variant)(input, laps)
    // The oracle comes last: what it teaches the compiler must not touch what was timed.
    requireRight(variant, { got: outcome, expected: spec.expected(input, laps.passes, variant) })

    const millionItems = spec.items(spec.size) / 1e6
    return {
      cost: laps.passTime.cpuMs / 1000 / millionItems,
      wallCost: laps.passTime.wallMs / 1000 / millionItems,
      ...(outcome.startMs === undefined ? {} : { startMs: outcome.startMs }),
      rssMb: process.resourceUsage().maxRSS / 1024,
      passes: laps.passes,
    }
  },

  async check(variant: string, size: number, passes: number): Promise<Checked> {
    const input = spec.input(size)
    const { count, sum } = await pickVariant(spec.variants, variant)(input, new FixedLaps(passes))
    return { got: { count, sum }, expected: spec.expected(input, passes, variant) }
  },
})

/** Workers of a peer: one as we have, and two. */
const WORKERS: readonly number[] = [1, 2]

const workersOf = <Input>({ workers = WORKERS }: PeerPlan<Input>): readonly number[] => workers

const peerRows = <Input>(id: string, plan: PeerPlan<Input>): PeerRow[] =>
  workersOf(plan).flatMap((workers) =>
    namesOf(plan).map((name) => ({
      peer: name,
      workers,
      label: `${id}${plan.ours.replace('tidemark', '')} to ${PEER_TITLES[name]}`,
      ours: plan.ours,
      variant: peerVariant(name, plan.ours, workers),
      bounds: workers === 1 ? (plan.peers[name] ?? null) : null,
    })),
  )

const namesOf = <Input>(plan: PeerPlan<Input>): PeerName[] =>
  (['bytewax', 'jet', 'flink'] as const).filter((name) => plan.peers[name] !== undefined)

interface PeerTask<Input> {
  readonly name: PeerName
  readonly workers: number
  readonly plan: PeerPlan<Input>
}

/** The peers' variants by name. */
const peersOf = <Input>({ plans }: ThroughputSpec<Input>): Map<string, PeerTask<Input>> =>
  new Map(
    (plans ?? []).flatMap((plan) =>
      namesOf(plan).flatMap((name) =>
        workersOf(plan).map((workers): [string, PeerTask<Input>] => [
          peerVariant(name, plan.ours, workers),
          { name, workers, plan },
        ]),
      ),
    ),
  )

const measurePeer = async <Input>(
  spec: ThroughputSpec<Input>,
  task: PeerTask<Input> & { readonly variant: string; readonly pace: Pace },
): Promise<Sample> => {
  const { name, plan, workers, pace, variant } = task
  const whole = spec.input(spec.size)
  const input = plan.shortened?.[name]?.(whole) ?? whole
  const lines = plan.lines(input)
  const { answer, cpuMs, wallMs } = await runPeer({
    command: commandOf(name),
    task: plan.task,
    lines,
    workers,
    passes: plan.passes,
    span: plan.span,
    pace,
  })
  requireRight(variant, {
    got: answer,
    expected: spec.expected(input, answer.passes, plan.ours),
  })
  const millions = lines.length / 1e6
  return {
    cost: cpuMs / 1000 / millions,
    wallCost: wallMs / 1000 / millions,
    rssMb: answer.rssMb,
    passes: answer.passes,
  }
}

const requireRight = (variant: string, { got, expected }: Checked): void => {
  if (got.count !== expected.count || got.sum !== expected.sum) {
    throw new WrongResultError(variant, { got, expected })
  }
}

/**
 * The answer of a workload whose state grows from pass to pass: pass number p (from 0) puts out
 * `first + p * growth`, and all that counts is the sum modulo 2^32.
 */
export const growingSum = (
  { first, growth }: { readonly first: bigint; readonly growth: bigint },
  passes: number,
): number => {
  const p = BigInt(passes)
  return Number(BigInt.asIntN(32, p * first + (growth * p * (p - 1n)) / 2n))
}
