import {
  AggregatorRegistry,
  Counter,
  Gauge,
  Histogram,
  type MetricValueWithName,
  Registry,
  register,
} from 'prom-client'
import { DURATION_BOUNDS, type DurationCounts } from '../../lib/actor/durations.ts'
import type { CataloguedMetric, HistogramMetric, ScalarMetric, Scrape } from './catalogue.ts'

export interface MetricsText {
  readonly contentType: string
  readonly text: string
}

/** Takes on what a scrape found. */
type Fill = (scrape: Scrape) => void

/** A page of metrics by prom-client: those of a catalogue, then whatever the user has registered. */
export class PromPage {
  readonly #registry = new Registry()
  readonly #fills: readonly Fill[]

  constructor(catalogue: readonly CataloguedMetric[]) {
    const registers = [this.#registry]
    this.#fills = catalogue.map((metric) =>
      metric.type === 'histogram' ? histogram(metric, registers) : scalar(metric, registers),
    )
  }

  /** @param threads - what the registries of other threads hold, as {@link usersMetrics} gives it */
  async text(scrape: Scrape, threads: readonly unknown[]): Promise<MetricsText> {
    for (const fill of this.#fills) fill(scrape)
    const own = await this.#registry.metrics()
    const users = await this.#users(threads)
    return {
      contentType: this.#registry.contentType,
      text: [own, users].filter((part) => part !== '').join('\n'),
    }
  }

  /** Metrics of one name in several threads become one, by the rule that prom-client has for each. */
  async #users(threads: readonly unknown[]): Promise<string> {
    const others = threads.filter((each) => Array.isArray(each) && each.length > 0) as object[]
    const here = register.getMetricsAsArray().length > 0
    if (others.length === 0) return here ? register.metrics() : ''
    const all = here ? [await register.getMetricsAsJSON(), ...others] : others
    return AggregatorRegistry.aggregate(all).metrics()
  }
}

/**
 * The metrics of the user in the thread in which this is called, as plain data; found by its name.
 *
 * @public
 */
export const usersMetrics = async (): Promise<readonly object[]> => register.getMetricsAsJSON()

/** Where a thread finds that. */
export const USERS_METRICS: { readonly module: string; readonly export: string } = {
  module: import.meta.url,
  export: 'usersMetrics',
}

const scalar = (metric: ScalarMetric, registers: Registry[]): Fill => {
  const { name, help, labels } = metric
  const options = { name, help, labelNames: labels, registers }
  if (metric.type === 'gauge') {
    const gauge = new Gauge(options)
    return (scrape) => {
      gauge.reset()
      for (const [of, value] of metric.read(scrape)) gauge.set({ ...of }, value)
    }
  }
  const counter = new Counter(options)
  return (scrape) => {
    counter.reset()
    for (const [of, value] of metric.read(scrape)) counter.inc({ ...of }, value)
  }
}

const histogram = (metric: HistogramMetric, registers: Registry[]): Fill => {
  const { name, help, labels } = metric
  const counted = new CountedHistogram({ name, help, labelNames: labels, registers })
  return (scrape) => {
    counted.rows = metric.read(scrape)
  }
}

/** A histogram whose buckets the engine has filled. */
class CountedHistogram extends Histogram<string> {
  rows: ReturnType<HistogramMetric['read']> = []
  readonly #name: string
  readonly #help: string

  constructor(options: {
    name: string
    help: string
    labelNames: readonly string[]
    registers: Registry[]
  }) {
    super(options)
    this.#name = options.name
    this.#help = options.help
  }

  /** What the registry asks for, before anything else, when it writes a page. */
  async getForPromString(): Promise<object> {
    const name = this.#name
    const values = this.rows.flatMap(([labels, counts]) => rowsOf(name, labels, counts))
    return { name, help: this.#help, type: 'histogram', values }
  }
}

const rowsOf = (
  name: string,
  labels: Readonly<Record<string, string | number>>,
  { counts, sum }: DurationCounts,
): MetricValueWithName<string>[] => {
  let total = 0
  const buckets = counts.map((count, at) => {
    total += count
    const bound = DURATION_BOUNDS[at]
    const le = bound === undefined ? '+Inf' : bound / 1000
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { ...labels }, value: sum / 1000 },
    { metricName: `${name}_count`, labels: { ...labels }, value: total },
  ]
}
