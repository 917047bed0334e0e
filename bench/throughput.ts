import { FixedLaps, SteadyLaps } from './laps.ts'
import {
  type Checked,
  type Pace,
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
}

/** A workload measured in CPU seconds for 1e6 items, warm, its answer checked. */
export const throughput = <Input>(spec: ThroughputSpec<Input>): Workload => ({
  id: spec.id,
  title: spec.title,
  unit: 'CPU s per 1e6',
  rows: spec.rows,
  variants: Object.keys(spec.variants),

  async measure(variant: string, pace: Pace): Promise<Sample> {
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
