/**
 * What a workload is: one input, one right answer, and several programs ("variants") that must all
 * give it. A variant is asked for passes over its input until the laps have seen enough.
 */

import type { PeerBounds, PeerName } from './peers/peer.ts'

/** What a variant has put out, in a form that every variant of the workload must agree on. */
export interface Tally {
  /** How many results came out. */
  readonly count: number
  /** The results' checksum, an integer modulo 2^32. */
  readonly sum: number
}

export interface Outcome extends Tally {
  /** Milliseconds that starting and ending a warm run costs when there is nothing to do. */
  readonly startMs?: number
}

/** Decides how many passes are made; the clock stands between `pause` and `resume`. */
export interface Laps {
  /** Called before every pass: whether there shall be another one. */
  next(): boolean
  pause(): void
  resume(): void
}

/** A program over the whole input, as many times as `laps` says; state is kept between passes. */
export type Variant<Input> = (input: Input, laps: Laps) => Outcome | Promise<Outcome>

/** A promise about one variant, beside another one in the same run. */
export interface Gate {
  /** The peer; `null` when the figure itself is judged. */
  readonly against: string | null
  readonly better: 'higher' | 'lower'
  readonly floor: number
  readonly aim: number
}

/** One line of the table. */
export interface Row {
  readonly label: string
  /** The variant that is judged. */
  readonly ours: string
  readonly gates: readonly Gate[]
  /** Rows that are judged together, beside what each promises by itself. */
  readonly group?: Group
}

/** A promise about the geometric mean of the rows that name it: speed as a share of the peer's. */
export interface Group {
  readonly name: string
  readonly against: string
  readonly floor: number
  readonly aim: number
}

/** One line of the table of other systems: ours, on one worker, beside one of them. */
export interface PeerRow {
  readonly peer: PeerName
  readonly workers: number
  readonly label: string
  /** Our variant, and the other system's. */
  readonly ours: string
  readonly variant: string
  /** What is promised; `null` where nothing is. */
  readonly bounds: PeerBounds | null
}

/** What one process has measured. */
export interface Sample {
  /** What is compared: CPU seconds for 1e6 items, bytes a key, milliseconds, percent. */
  readonly cost: number
  /** The same by the wall clock, where that is something else. */
  readonly wallCost?: number
  /** Whether it was ended before it was through: `cost` is what it had cost by then. */
  readonly wasEnded?: boolean
  readonly startMs?: number
  readonly rssMb: number
  readonly passes: number
}

export interface Workload {
  readonly id: string
  readonly title: string
  /** What `cost` counts. */
  readonly unit: string
  readonly rows: readonly Row[]
  readonly variants: readonly string[]
  /** The other systems that it can be run on. */
  readonly peers?: readonly PeerRow[]
  /** Measures one variant in this process; throws {@link WrongResultError} when its answer is wrong. */
  measure(variant: string, pace: Pace): Promise<Sample>
  /** Runs one variant over a small input; `null` where there is nothing to compare. */
  check(variant: string, size: number, passes: number): Promise<Checked | null>
}

export interface Checked {
  readonly got: Tally
  readonly expected: Tally
}

/** How long to look. */
export interface Pace {
  /** Shortest slice that is timed, milliseconds. */
  readonly sliceMs: number
  /** Warm-up lasts at least this long, milliseconds ... */
  readonly warmMs: number
  /** ... and at most this long, whether slices agree or not. */
  readonly warmLimitMs: number
  /** How many slices are timed once warm. */
  readonly slices: number
  /** Length of the look at an idle process, milliseconds. */
  readonly idleMs: number
  /** What may not come to an end at all is ended after so long, milliseconds. */
  readonly patienceMs: number
}

/** A variant's answer is not the oracle's: its times mean nothing. */
export class WrongResultError extends Error {
  override readonly name = 'WrongResultError'

  constructor(variant: string, { got, expected }: Checked) {
    super(
      `${variant} gave ${got.count} results with checksum ${got.sum}, ` +
        `the oracle says ${expected.count} and ${expected.sum}: the run is void.`,
    )
  }
}

export const pickVariant = <V>(variants: Readonly<Record<string, V>>, name: string): V => {
  const variant = Object.hasOwn(variants, name) ? variants[name] : undefined
  if (variant === undefined) {
    throw new RangeError(`No variant "${name}"; there are ${Object.keys(variants).join(', ')}.`)
  }
  return variant
}
