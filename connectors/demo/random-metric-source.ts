/**
 * Makes up a metric: a named number every so often.
 *
 * - **Partitions**: one, named as the metric.
 * - **Position**: how many numbers were given, and when the next is due.
 * - **Delivery**: exactly once by count; with `seed` the numbers themselves are the same again.
 * - **Back-pressure**: a number is made when it is asked for; those missed are caught up.
 * - **Needs**: nothing beyond the package itself.
 */
import { BuildError } from '../../lib/errors/errors.ts'
import { durationOption } from '../../lib/flow/options.ts'
import type { RunFacts } from '../../lib/flow/run-facts.ts'
import {
  EOF,
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
} from '../../lib/flow/source.ts'
import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { DurationLike } from '../../lib/time/time.ts'

export interface RandomMetricOptions {
  /** Time between two numbers. @defaultValue 700 milliseconds */
  readonly interval?: DurationLike
  /** After how many numbers the source ends. @defaultValue Infinity */
  readonly count?: number
  /** The next number, given how many came before it. @defaultValue a whole number from 0 to 9 */
  readonly next?: (index: number) => number
  /** Makes the default numbers the same in each run. @defaultValue none: they differ */
  readonly seed?: number
}

/** How far a metric has come. */
export interface MetricPosition {
  readonly awakeAt: number
  readonly count: number
}

export type Metric = readonly [name: string, value: number]

/**
 * Gives `[name, number]` on a cadence, for demonstrations and tests.
 *
 * @example
 * ```ts
 * flow.input('volts', new RandomMetricSource('volts', { interval: 0, count: 3, next: () => 42 }))
 * // => ['volts', 42], three times
 * ```
 */
export class RandomMetricSource extends FixedPartitionedSource<Metric, MetricPosition> {
  readonly #name: string
  readonly #interval: number
  readonly #count: number
  readonly #next: ((index: number) => number) | null
  readonly #seed: number | null
  #runtime: Runtime = systemRuntime

  constructor(name: string, options: RandomMetricOptions = {}) {
    super()
    this.#name = name
    this.#interval = durationOption('interval', options.interval ?? 700)
    this.#count = options.count ?? Number.POSITIVE_INFINITY
    this.#next = options.next ?? null
    this.#seed = options.seed ?? null
    if (!(this.#count >= 0)) throw new BuildError(`count can't be ${String(this.#count)}.`)
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return [this.#name]
  }

  override buildPart(
    _stepId: string,
    part: string,
    resume: MetricPosition | null,
  ): StatefulSourcePartition<Metric, MetricPosition> {
    return new MetricPartition(
      (index) => [part, this.#numberAt(index)],
      { interval: this.#interval, count: this.#count },
      resume ?? { awakeAt: this.#runtime.now(), count: 0 },
    )
  }

  #numberAt(index: number): number {
    if (this.#next !== null) return this.#next(index)
    const chance = this.#seed === null ? this.#runtime.random() : seeded(this.#seed, index)
    return Math.floor(chance * 10)
  }
}

class MetricPartition extends StatefulSourcePartition<Metric, MetricPosition> {
  readonly #metricAt: (index: number) => Metric
  readonly #pace: { readonly interval: number; readonly count: number }
  #awakeAt: number
  #given: number

  constructor(
    metricAt: (index: number) => Metric,
    pace: { interval: number; count: number },
    position: MetricPosition,
  ) {
    super()
    this.#metricAt = metricAt
    this.#pace = pace
    this.#awakeAt = position.awakeAt
    this.#given = position.count
  }

  override nextBatch(): Polled<Metric> {
    if (this.#given >= this.#pace.count) return EOF
    const metric = this.#metricAt(this.#given)
    this.#given += 1
    this.#awakeAt += this.#pace.interval
    return [metric]
  }

  /** The end is told at once, not an interval after the last number. */
  override nextAwake(): number | null {
    return this.#given >= this.#pace.count ? null : this.#awakeAt
  }

  override snapshot(): MetricPosition {
    return { awakeAt: this.#awakeAt, count: this.#given }
  }
}

/** A number in [0, 1) that depends on seed and index alone: the finalizer of MurmurHash3, 32 bits. */
const seeded = (seed: number, index: number): number => {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
