import { inspect } from 'node:util'
import { TidemarkError } from '../lib/errors/errors.ts'
import { Dataflow } from '../lib/flow/dataflow.ts'
import { durationOption, positiveCount } from '../lib/flow/options.ts'
import type { Sink } from '../lib/flow/sink.ts'
import type { SinkSpec, Step, StepSpec } from '../lib/flow/step.ts'
import { type DurationLike, epochMillis, type TimeLike } from '../lib/time/time.ts'
import { drawsOf, type InputArbitrary } from './arbitrary.ts'
import { Chance } from './chance.ts'
import { CommittedSink } from './committed-sink.ts'
import type { Faults } from './faults.ts'
import { ItemsSource } from './items-source.ts'
import { simulate, simulationFaults } from './simulate.ts'

export interface CheckFlowOptions<T> {
  /** Inputs that are tried. @defaultValue 100 */
  readonly runs?: number
  /** What decides everything that is left to chance. @defaultValue 1 */
  readonly seed?: number
  /** The step whose source the input stands for; needed where a flow has several. */
  readonly input?: string
  /** How many workers there may be. @defaultValue 1, 2, 3 and 7 */
  readonly workers?: readonly number[]
  /**
   * Spreads the input over as many source partitions as it names; the order between partitions is
   * nobody's to count on.
   * @defaultValue all of it in one
   */
  readonly partitionBy?: (item: T) => string
  /** Items may come in any order in which none is further behind the latest than `within`. */
  readonly lateness?: { readonly timestamp: (item: T) => TimeLike; readonly within: DurationLike }
  /** What goes wrong. @defaultValue drawn anew for each input */
  readonly faults?: Faults
}

/** A flow gives something else when it is run in another way. */
export class FlowCheckError extends TidemarkError {
  override readonly code: string = 'TIDEMARK_FLOW_CHECK'
}

/**
 * Holds a flow to what every flow should keep: what comes out does not depend on how many workers there
 * are, how they interleave, how large batches are, where they crash, or, with `lateness`, in which order
 * items arrive.
 *
 * For each input the flow runs undisturbed on one worker, and again through a simulation; both must give
 * the same items, in any order. The flow's own source and sinks are left alone: the input takes the
 * place of one, arrays that of the others. An input that fails is made smaller before it is told.
 *
 * @param flow - the flow, or what makes it anew for each execution
 * @param arbitrary - what makes arrays of items: of fast-check, or anything of the same shape
 * @throws FlowCheckError with the smallest input, what differs and how to see it again
 *
 * @example
 * ```ts
 * await checkFlow(flow, fc.array(order), { lateness: { timestamp: (o) => o.at, within: 5000 } })
 * ```
 */
export const checkFlow = async <T>(
  flow: Dataflow | (() => Dataflow),
  arbitrary: InputArbitrary<T[]>,
  options: CheckFlowOptions<T> = {},
): Promise<void> => {
  const { seed = 1 } = options
  const runs = positiveCount('runs', options.runs ?? 100)
  for (let run = 0; run < runs; run++) {
    const at = seed + run
    const trial = new Trial(flow, options, at)
    const made = arbitrary.generate(drawsOf(new Chance(at)), BIAS)
    const difference = await trial.differenceOf(made.value)
    if (difference === null) continue
    throw await trial.report(await smallest(arbitrary, made, trial))
  }
}

/** As fast-check's own runs: one value in so many is near an edge. */
const BIAS = 4
const MOST_SHRINKS = 60

/** Follows smaller inputs as long as they fail, too. */
const smallest = async <T>(
  arbitrary: InputArbitrary<T[]>,
  made: { readonly value: T[]; readonly context?: unknown },
  trial: Trial<T>,
): Promise<T[]> => {
  let { value, context } = made
  let left = MOST_SHRINKS
  for (;;) {
    let found = false
    for (const smaller of arbitrary.shrink(value, context)) {
      if (left-- <= 0) return value
      if ((await trial.differenceOf(smaller.value)) === null) continue
      value = smaller.value
      context = smaller.context
      found = true
      break
    }
    if (!found) return value
  }
}

/** One way to disturb a flow, for any input. */
class Trial<T> {
  readonly #flow: Dataflow | (() => Dataflow)
  readonly #options: CheckFlowOptions<T>
  readonly #seed: number
  readonly #workers: readonly number[]
  readonly #batchSize: number
  /** Without pauses an input is one epoch or two, which crashes leave whole. */
  readonly #pause: number
  readonly #epochInterval: number

  constructor(flow: Dataflow | (() => Dataflow), options: CheckFlowOptions<T>, seed: number) {
    this.#flow = flow
    this.#options = options
    this.#seed = seed
    const chance = new Chance(seed ^ 0x2_57a7)
    const { workers = [1, 2, 3, 7] } = options
    const anyOf = (numbers: readonly number[]): number => numbers[chance.below(numbers.length)] ?? 1
    this.#workers = [anyOf(workers), anyOf(workers), anyOf(workers)]
    this.#batchSize = anyOf([1, 2, 7, 1000])
    this.#epochInterval = anyOf([0, 5, 100, 10_000])
    this.#pause = anyOf([0, 10, 100])
  }

  /** What differs between an undisturbed run and this one; `null` where nothing does. */
  async differenceOf(items: readonly T[]): Promise<string | null> {
    return this.#compare(items, this.#faults())
  }

  /** The error, with no more faults than it takes. */
  async report(items: readonly T[]): Promise<FlowCheckError> {
    let faults = this.#faults()
    for (const smaller of smallerFaults(faults)) {
      const next = smaller(faults)
      if ((await this.#compare(items, next)) !== null) faults = next
    }
    const difference = await this.#compare(items, faults)
    const how = {
      seed: this.#seed,
      workers: this.#workers,
      epochInterval: this.#epochInterval,
      batchSize: this.#batchSize,
      pause: this.#pause,
      faults,
    }
    return new FlowCheckError(
      `The flow gives something else when it is run in another way: ${difference ?? 'no longer reproduced'}\n` +
        `Input, as it arrived: ${show(this.#arrival(items))}\nRun with: ${JSON.stringify(how)}\n` +
        `To see it again: checkFlow(flow, arbitrary, { seed: ${this.#seed}, runs: 1, ... }).`,
    )
  }

  #faults(): Faults {
    const { faults } = this.#options
    return simulationFaults({ seed: this.#seed, faults: faults ?? 'any' })
  }

  async #compare(items: readonly T[], faults: Faults): Promise<string | null> {
    const expected = await this.#outputs(this.#inOrder(items), { faults: {} })
    const seen = await this.#outputs(this.#arrival(items), {
      faults,
      workers: this.#workers,
      epochInterval: this.#epochInterval,
      batchSize: this.#batchSize,
      pause: this.#pause,
    }).catch((error: unknown) => error)
    if (!(seen instanceof Map)) return `it fails with ${String(seen)}`
    for (const [step, rows] of expected) {
      const difference = differenceOf(rows, (seen as typeof expected).get(step) ?? [])
      if (difference !== '') return `step "${step}" ${difference}`
    }
    return null
  }

  async #outputs(
    items: readonly T[],
    how: {
      readonly faults: Faults
      readonly workers?: readonly number[]
      readonly epochInterval?: number
      readonly batchSize?: number
      readonly pause?: number
    },
  ): Promise<Map<string, string[]>> {
    const { batchSize = 1000, pause = 0, ...options } = how
    const parts = this.#partsOf(items)
    const sinks = new Map<string, CommittedSink<unknown>>()
    const rewired = (): Dataflow => {
      const flow = typeof this.#flow === 'function' ? this.#flow() : this.#flow
      return between(flow, {
        source: new ItemsSource(parts, { batchSize, pause }),
        input: this.#options.input,
        sinks,
      })
    }
    await simulate(rewired, { ...options, seed: this.#seed })
    return new Map([...sinks].map(([id, sink]) => [id, sink.items.map(show)]))
  }

  #partsOf(items: readonly T[]): readonly (readonly T[])[] {
    const { partitionBy } = this.#options
    if (partitionBy === undefined) return [items]
    const parts = new Map<string, T[]>()
    for (const item of items) {
      const name = partitionBy(item)
      parts.set(name, [...(parts.get(name) ?? []), item])
    }
    return parts.size === 0 ? [[]] : [...parts.values()]
  }

  #inOrder(items: readonly T[]): readonly T[] {
    const { lateness } = this.#options
    if (lateness === undefined) return items
    const timeOf = (item: T): number => epochMillis(lateness.timestamp(item))
    return [...items].sort((a, b) => timeOf(a) - timeOf(b))
  }

  /** The items as they come: each up to `within` after its time. */
  #arrival(items: readonly T[]): readonly T[] {
    const { lateness } = this.#options
    if (lateness === undefined) return items
    const chance = new Chance(this.#seed ^ 0x1a7e)
    const within = durationOption('within', lateness.within)
    return this.#inOrder(items)
      .map((item) => ({
        item,
        at: epochMillis(lateness.timestamp(item)) + chance.number() * within,
      }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item)
  }
}

/** The flow with the source of one input, and with sinks that outlive executions. */
const between = (
  flow: Dataflow,
  on: {
    readonly source: ItemsSource
    readonly input: string | undefined
    readonly sinks: Map<string, CommittedSink<unknown>>
  },
): Dataflow => {
  const input = inputOf(flow, on.input)
  const now = new Map<Step, Step>()
  const specOf = (step: Step): StepSpec => {
    if (step === input) return { kind: 'source', source: on.source }
    if (step.spec.kind !== 'sink') return step.spec
    const sink = on.sinks.get(step.id) ?? new CommittedSink<unknown>()
    on.sinks.set(step.id, sink)
    return { kind: 'sink', sink: asAnySink(sink) }
  }
  for (const step of flow.steps) {
    const ups = step.ups.map((up) => ({ ...up, step: now.get(up.step) ?? up.step }))
    now.set(step, { ...step, ups, spec: specOf(step) })
  }
  return Dataflow.of(flow.id, [...now.values()])
}

/** What a staged epoch looks like is the sink's own affair. */
const asAnySink = (sink: Sink<unknown>): SinkSpec['sink'] => sink as SinkSpec['sink']

const inputOf = (flow: Dataflow, name: string | undefined): Step => {
  const sources = flow.steps.filter(({ spec }) => spec.kind === 'source')
  const found = name === undefined ? sources : sources.filter(({ id }) => id === name)
  const [input] = found
  if (input === undefined || found.length > 1) {
    const names = sources.map(({ id }) => `"${id}"`).join(', ')
    throw new TidemarkError(
      `Flow "${flow.id}" has the inputs ${names}: name the one that the items are for with { input }.`,
    )
  }
  if (input.spec.kind === 'source' && input.spec.source.givesWatermarks === true) {
    throw new TidemarkError(
      `The source of step "${input.id}" makes watermarks itself, which an array can't. Put watermarks(id, { timestamp, outOfOrderness }) behind it.`,
    )
  }
  return input
}

/** What of the faults can be left out, one after the other. */
const smallerFaults = (all: Faults): readonly ((faults: Faults) => Faults)[] => [
  ({ network: _, ...rest }) => rest,
  ({ disk: _, ...rest }) => rest,
  ...(all.events ?? []).map((event) => ({ events = [], ...rest }: Faults) => ({
    ...rest,
    events: events.filter((each) => each !== event),
  })),
]

/** What is missing among `seen`, and what is too much; empty where nothing is. */
const differenceOf = (expected: readonly string[], seen: readonly string[]): string => {
  const [missing, unexpected] = [without(expected, seen), without(seen, expected)]
  const parts = [
    ...(missing.length === 0 ? [] : [`lacks ${some(missing)}`]),
    ...(unexpected.length === 0 ? [] : [`has ${some(unexpected)} too much`]),
  ]
  return parts.join(' and ')
}

const without = (rows: readonly string[], taken: readonly string[]): string[] => {
  const counts = new Map<string, number>()
  for (const row of taken) counts.set(row, (counts.get(row) ?? 0) + 1)
  return rows.filter((row) => {
    const count = counts.get(row) ?? 0
    counts.set(row, count - 1)
    return count <= 0
  })
}

const FEW = 5

const some = (rows: readonly string[]): string =>
  rows.slice(0, FEW).join(', ') + (rows.length > FEW ? ` and ${rows.length - FEW} more` : '')

/** One text for equal values, whatever the order of their properties. */
const show = (value: unknown): string =>
  inspect(value, {
    depth: null,
    sorted: true,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: null,
    maxStringLength: null,
  })
