import type { Gate, Row } from './workload.ts'

/** The middle of the values; of an even number, the mean of the two in the middle. NaN of none. */
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  if (sorted.length % 2 === 1) return upper
  return ((sorted[sorted.length / 2 - 1] ?? Number.NaN) + upper) / 2
}

/** The mean by which ratios are averaged: twice as fast and half as fast come to even. NaN of none. */
export const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)

/** Whether the last `count` values lie within `tolerance` of one another. */
export const agree = (values: readonly number[], count: number, tolerance: number): boolean => {
  if (values.length < count) return false
  const last = values.slice(-count)
  return Math.max(...last) <= Math.min(...last) * (1 + tolerance)
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export const spread = (values: readonly number[]): Spread => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
})

/** Costs of each variant, one a round; the same index is the same round. */
export type Costs = ReadonlyMap<string, readonly number[]>

/**
 * How `ours` compares with `peer`, paired by round, so that what slows the machine for a while
 * slows both: speed as a share of the peer's speed, or cost as a multiple of the peer's cost.
 */
export const compare = (
  costs: Costs,
  pair: { readonly ours: string; readonly peer: string; readonly better: Gate['better'] },
): Spread | null => {
  const ours = costs.get(pair.ours) ?? []
  const peer = costs.get(pair.peer) ?? []
  const ratios: number[] = []
  for (const [round, cost] of ours.entries()) {
    const other = peer[round]
    if (other === undefined) continue
    ratios.push(pair.better === 'higher' ? other / cost : cost / other)
  }
  return ratios.length === 0 ? null : spread(ratios)
}

/** The figure a gate judges: a ratio, or the cost itself where there is no peer. */
export const figureOf = (costs: Costs, ours: string, gate: Gate): Spread | null => {
  if (gate.against !== null) {
    return compare(costs, { ours, peer: gate.against, better: gate.better })
  }
  const own = costs.get(ours) ?? []
  return own.length === 0 ? null : spread(own)
}

/**
 * - `aim`: every gate's aim is met; `floor`: every floor is
 * - `below`: a floor is missed
 * - `void`: a variant gave a wrong answer, so nothing is claimed
 * - `absent`: a variant could not be run
 * - `shown`: measured, and nothing was promised
 */
export type Verdict = 'aim' | 'floor' | 'below' | 'void' | 'absent' | 'shown'

const meets = (figure: number, bound: number, better: Gate['better']): boolean =>
  better === 'higher' ? figure >= bound : figure <= bound

/** Judges a row; `wrong` names the variants whose answers were not the oracle's. */
export const verdictOf = (row: Row, costs: Costs, wrong: ReadonlySet<string>): Verdict => {
  const needed = [row.ours, ...row.gates.flatMap((gate) => gate.against ?? [])]
  if (needed.some((variant) => wrong.has(variant))) return 'void'
  if (!costs.has(row.ours)) return 'absent'
  if (row.gates.length === 0) return 'shown'

  let verdict: Verdict = 'aim'
  for (const gate of row.gates) {
    const figure = figureOf(costs, row.ours, gate)
    if (figure === null) return 'absent'
    if (!meets(figure.median, gate.floor, gate.better)) return 'below'
    if (!meets(figure.median, gate.aim, gate.better)) verdict = 'floor'
  }
  return verdict
}
