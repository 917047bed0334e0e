import { BuildError } from '../../lib/errors/errors.ts'
import { Dataflow } from '../../lib/flow/dataflow.ts'
import { type DeadLetter, deadLetterSinkOf, type ErrorPolicy } from '../../lib/flow/policy.ts'
import { DynamicSink, FixedPartitionedSink } from '../../lib/flow/sink.ts'
import type { Origin, Step, StepSpec } from '../../lib/flow/step.ts'
import { GivenItems, stillSource } from './still-source.ts'

/** A failed item and where it is to be given back. */
export interface RetryItem {
  /** The step that failed, without the flow's name. */
  readonly step: string
  readonly input: number
  readonly key: string | undefined
  readonly item: unknown
}

export interface RetryPlan {
  readonly items: readonly RetryItem[]
  /** Whether all steps are there, so that a recovery store is carried on as a whole. */
  readonly whole: boolean
  /** Where items go that fail again. */
  readonly deadLetter: DynamicSink<DeadLetter>
  /** Called when the last item has been handed over. */
  readonly through: () => void
}

/**
 * The flow with its sources standing still, and failed items in front of the steps that they failed in.
 *
 * @throws BuildError where the flow has no such step
 */
export const retryFlow = (flow: Dataflow, plan: RetryPlan): Dataflow => {
  const places = placesOf(flow, plan.items)
  const kept = plan.whole ? new Set(flow.steps) : downstreamOf(flow, new Set(places.keys()))
  return new Rewiring(flow, { plan, places, kept }).flow()
}

/** Steps behind the failed ones that keep something between items: state, or a position. */
export const statefulBehind = (flow: Dataflow, items: readonly RetryItem[]): readonly string[] =>
  [...downstreamOf(flow, new Set(placesOf(flow, items).keys()))]
    .filter(
      ({ spec }) =>
        spec.kind === 'keyed' || (spec.kind === 'sink' && !(spec.sink instanceof DynamicSink)),
    )
    .map(({ id }) => id)

type Places = ReadonlyMap<Step, ReadonlyMap<number, RetryItem[]>>

const placesOf = (flow: Dataflow, items: readonly RetryItem[]): Places => {
  const places = new Map<Step, Map<number, RetryItem[]>>()
  for (const item of items) {
    const step = flow.steps.find(({ id }) => id === item.step)
    if (step === undefined || item.input >= step.ups.length) {
      throw new BuildError(
        `Flow "${flow.id}" has no step "${item.step}" that takes items at input ${item.input}: it was renamed or changed since the item failed. Name other letters with --step.`,
      )
    }
    const inputs = places.get(step) ?? new Map<number, RetryItem[]>()
    places.set(step, inputs)
    const list = inputs.get(item.input) ?? []
    inputs.set(item.input, list)
    list.push(item)
  }
  return places
}

const downstreamOf = (flow: Dataflow, from: ReadonlySet<Step>): Set<Step> => {
  const found = new Set<Step>()
  // Upstream steps come first, so one pass is enough.
  for (const step of flow.steps) {
    if (from.has(step) || step.ups.some((up) => found.has(up.step))) found.add(step)
  }
  return found
}

class Rewiring {
  readonly #flow: Dataflow
  readonly #plan: RetryPlan
  readonly #places: Places
  readonly #kept: ReadonlySet<Step>
  readonly #steps: Step[] = []
  readonly #now = new Map<Step, Step>()
  #left: number
  #added = 0

  constructor(
    flow: Dataflow,
    { plan, places, kept }: { plan: RetryPlan; places: Places; kept: ReadonlySet<Step> },
  ) {
    this.#flow = flow
    this.#plan = plan
    this.#places = places
    this.#kept = kept
    this.#left = [...places.values()].reduce((sum, inputs) => sum + inputs.size, 0)
  }

  flow(): Dataflow {
    for (const step of this.#flow.steps) {
      if (!this.#kept.has(step)) continue
      const ups = step.ups.map((up, input) => this.#upOf(step, up, input))
      const { spec } = step
      const still: StepSpec =
        spec.kind === 'source' ? { kind: 'source', source: stillSource(spec.source) } : spec
      this.#now.set(step, this.#add({ ...step, ups, spec: still, policy: this.#policyOf(step) }))
    }
    return Dataflow.of(this.#flow.id, this.#steps)
  }

  #policyOf({ policy }: Step): ErrorPolicy | undefined {
    if (policy === undefined || deadLetterSinkOf(policy) === null) return policy
    return { ...(policy as object), deadLetter: this.#plan.deadLetter }
  }

  /** What comes from upstream, with the items for this input merged in. */
  #upOf(step: Step, up: Origin, input: number): Origin {
    const now = this.#now.get(up.step)
    const origin = now === undefined ? null : { ...up, step: now }
    const items = this.#places.get(step)?.get(input)
    if (items === undefined) return origin ?? this.#silent(up)
    const given = this.#given(step, items, up.keyed)
    if (origin === null) return given
    const merged = this.#new('merge', { kind: 'merge' }, [origin, given])
    return { step: merged, port: 0, keyed: up.keyed }
  }

  #given(step: Step, items: readonly RetryItem[], keyed: boolean): Origin {
    const through = (): void => {
      this.#left -= 1
      if (this.#left === 0) this.#plan.through()
    }
    const given = items.map(({ key, item }) =>
      keyed && key !== undefined && !takesPairs(step) ? [key, item] : item,
    )
    const source = this.#new('input', { kind: 'source', source: new GivenItems(given, through) })
    return this.#keyedAs({ step: source, port: 0, keyed: false }, keyed)
  }

  #silent({ keyed }: Origin): Origin {
    const source = this.#new('input', {
      kind: 'source',
      source: new GivenItems([], () => {}),
    })
    return this.#keyedAs({ step: source, port: 0, keyed: false }, keyed)
  }

  #keyedAs(origin: Origin, keyed: boolean): Origin {
    if (!keyed) return origin
    const spec: StepSpec = {
      kind: 'stateless',
      op: 'keyed',
      callback: () => undefined,
      role: 'keyed',
    }
    return { step: this.#new('keyed', spec, [origin]), port: 0, keyed: true }
  }

  /** A period, which no step's own name has, keeps new ids apart from the flow's. */
  #new(operator: string, spec: StepSpec, ups: readonly Origin[] = []): Step {
    this.#added += 1
    return this.#add({
      id: `.retry-${this.#added}`,
      operator,
      spec,
      ups,
      policy: undefined,
      index: 0,
    })
  }

  #add(step: Step): Step {
    const placed = { ...step, index: this.#steps.length }
    this.#steps.push(placed)
    return placed
  }
}

/** Steps that see a keyed stream's items as pairs. */
const takesPairs = ({ spec }: Step): boolean =>
  spec.kind === 'task' || (spec.kind === 'sink' && !(spec.sink instanceof FixedPartitionedSink))
