import { Behavior } from '../actor/behavior.ts'
import { composeLoop } from '../actor/chain-fallback.ts'
import {
  type ChainLoop,
  generateLoop,
  keepsKeys,
  type LoopHost,
  type LoopOutput,
  objections,
  type Stage,
} from '../actor/chain-loop.ts'
import { data, type Signal } from '../signal/signal.ts'
import type { StatelessStep } from './plan.ts'
import type { StepHost } from './step-host.ts'

/** Part of a chain: item by item in one loop, or a whole batch at once. */
type Segment =
  | { readonly kind: 'loop'; readonly loop: ChainLoop; readonly first: number }
  | { readonly kind: 'batch'; readonly at: number; readonly keyed: boolean }

/** A run of stateless steps as one actor. */
export class ChainBehavior extends Behavior implements LoopHost {
  readonly worker: number
  epoch = 0
  readonly #hosts: readonly StepHost[]
  readonly #steps: readonly StatelessStep[]
  readonly #segments: readonly Segment[]
  readonly #branches: boolean
  #batch: Signal | null = null
  #first = 0
  #keys: readonly string[] | null = null
  #values: readonly unknown[] = []
  readonly #out: LoopOutput = { keys: null, values: [], otherKeys: null, otherValues: [] }

  constructor(steps: readonly StatelessStep[], hosts: readonly StepHost[]) {
    super()
    this.#steps = steps
    this.#hosts = hosts
    this.worker = (hosts[0] as StepHost).around.worker
    this.#segments = segmentsOf(steps, hosts)
    this.#branches = steps.at(-1)?.spec.kind === 'branch'
  }

  get stepIds(): readonly string[] {
    return this.#steps.map(({ id }) => id)
  }

  override data(batch: Signal): void {
    this.epoch = batch.epoch
    this.#batch = batch
    this.#keys = batch.keys
    this.#values = batch.values
    for (const segment of this.#segments) {
      if (this.#values.length === 0) return
      if (segment.kind === 'loop') this.#loop(segment)
      else this.#whole(segment)
    }
    const { epoch, part } = batch
    if (this.#values.length > 0) this.send(data(0, epoch, this.#keys, this.#values, part))
    if (this.#branches && this.#out.otherValues.length > 0) {
      this.send(data(1, epoch, this.#out.otherKeys, this.#out.otherValues, part))
    }
  }

  /** A callback threw: the item is passed over, or the run ends here. */
  fail(stage: number, error: unknown, index: number): void {
    const at = this.#first + stage
    const host = this.#hosts[at] as StepHost
    const part = this.#batch?.part ?? null
    host.fail({
      callback: roleOf(this.#steps[at] as StatelessStep),
      error,
      item: this.#values[index],
      ...(this.#keys === null ? {} : { key: this.#keys[index] as string }),
      ...(part === null ? {} : { source: part.stepId, part: part.name }),
    })
  }

  #loop(segment: { readonly loop: ChainLoop; readonly first: number }): void {
    this.#first = segment.first
    segment.loop(this.#keys, this.#values, this, this.#out)
    this.#keys = this.#out.keys
    this.#values = this.#out.values
  }

  /** Hands the batch to user code as it is; what went wrong concerns no single item. */
  #whole(segment: { readonly at: number; readonly keyed: boolean }): void {
    const step = this.#steps[segment.at] as StatelessStep
    const host = this.#hosts[segment.at] as StepHost
    const items = segment.keyed ? pairs(this.#keys, this.#values) : this.#values.slice()
    this.#keys = null
    try {
      const result = step.spec.callback(items)
      this.#values = isIterable(result) ? Array.from(result) : objections.notIterable(result)
    } catch (error) {
      throw host.error({ callback: roleOf(step), error })
    }
  }
}

/** The items of a keyed batch as user code sees them. */
export const pairs = (
  keys: readonly string[] | null,
  values: readonly unknown[],
): readonly unknown[] => {
  if (keys === null) return values
  const items = new Array<readonly [string, unknown]>(values.length)
  for (let at = 0; at < values.length; at++) items[at] = [keys[at] as string, values[at]]
  return items
}

const roleOf = ({ spec }: StatelessStep): string =>
  spec.kind === 'branch' ? 'predicate' : spec.role

/** A step with a policy of its own begins a loop, so that the item at fault is its own input. */
const segmentsOf = (steps: readonly StatelessStep[], hosts: readonly StepHost[]): Segment[] => {
  const segments: Segment[] = []
  let keyed = steps[0]?.ups[0]?.keyed === true
  let run: Stage[] = []
  let runKeyed = keyed
  let first = 0
  const finish = (): void => {
    if (run.length === 0) return
    const name = (hosts[first] as StepHost).stepId
    const loop = generateLoop(run, runKeyed, name) ?? composeLoop(run, runKeyed)
    segments.push({ kind: 'loop', loop, first })
    run = []
  }
  steps.forEach((step, at) => {
    const { spec } = step
    if (spec.kind === 'stateless' && spec.op === 'flatMapBatch') {
      finish()
      segments.push({ kind: 'batch', at, keyed })
      keyed = false
      return
    }
    if ((hosts[at] as StepHost).policy !== 'stop') finish()
    if (run.length === 0) {
      first = at
      runKeyed = keyed
    }
    const op = spec.kind === 'branch' ? 'branch' : (spec.op as Stage['op'])
    run.push({ op, callback: spec.callback, stepId: (hosts[at] as StepHost).stepId })
    keyed = keepsKeys(op, keyed)
  })
  finish()
  return segments
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value
