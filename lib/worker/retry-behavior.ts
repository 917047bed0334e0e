import { Behavior } from '../actor/behavior.ts'
import { composeLoop } from '../actor/chain-fallback.ts'
import {
  type ChainLoop,
  generateLoop,
  type LoopHost,
  type LoopOutput,
  objections,
  type Stage,
} from '../actor/chain-loop.ts'
import { data, type Signal } from '../signal/signal.ts'
import type { Failure } from '../state/processor.ts'
import type { Tries } from '../state/task.ts'
import { pairs } from './chain-behavior.ts'
import type { StatelessStep } from './plan.ts'
import { type Attempts, Retries } from './retries.ts'
import type { StepHost } from './step-host.ts'

/** A stateless step whose failed items are tried again: it has an actor of its own, which waits. */
export class RetryBehavior extends Behavior {
  readonly #retries: Retries
  readonly #attempts: (batch: Signal) => Attempts

  constructor(step: StatelessStep, host: StepHost, tries: Tries) {
    super()
    this.#retries = new Retries(host, tries)
    const send = (signal: Signal): void => this.send(signal)
    const op = step.spec.kind === 'branch' ? 'branch' : step.spec.op
    if (op === 'flatMapBatch') {
      this.#attempts = (batch) => new WholeBatch(step, batch, send)
    } else {
      const single = new SingleStep(step, op, host)
      this.#attempts = (batch) => new EachItem(single, batch, send)
    }
  }

  override data(batch: Signal): void {
    this.#retries.run(this.#attempts(batch))
  }

  override close(): void {
    this.#retries.close()
  }
}

/** The step's loop, one item at a time. */
class SingleStep implements LoopHost {
  readonly worker: number
  readonly out: LoopOutput = { keys: null, values: [], otherKeys: null, otherValues: [] }
  readonly role: string
  readonly branches: boolean
  epoch = 0
  readonly #loop: ChainLoop
  #error: { readonly thrown: unknown } | null = null

  constructor(step: StatelessStep, op: Stage['op'], { stepId, around }: StepHost) {
    this.worker = around.worker
    this.role = roleOf(step)
    this.branches = op === 'branch'
    const stages = [{ op, callback: step.spec.callback, stepId }]
    const keyed = step.ups[0]?.keyed === true
    this.#loop = generateLoop(stages, keyed, stepId) ?? composeLoop(stages, keyed)
  }

  /** What the step threw on the item, or `null`; its output is in `out`. */
  run(key: string | null, value: unknown): { readonly thrown: unknown } | null {
    this.#error = null
    this.#loop(key === null ? null : [key], [value], this, this.out)
    return this.#error
  }

  fail(_stage: number, thrown: unknown): void {
    this.#error = { thrown }
  }
}

const roleOf = ({ spec }: StatelessStep): string =>
  spec.kind === 'branch' ? 'predicate' : spec.role

/** What comes out at one port, until it is sent on. */
class Gathered {
  #keys: string[] = []
  #values: unknown[] = []

  add(keys: readonly string[] | null, values: readonly unknown[]): void {
    if (keys !== null) for (const key of keys) this.#keys.push(key)
    for (const value of values) this.#values.push(value)
  }

  send(port: number, { epoch, part }: Signal, send: (signal: Signal) => void): void {
    const [keys, values] = [this.#keys, this.#values]
    if (values.length === 0) return
    this.#keys = []
    this.#values = []
    send(data(port, epoch, keys.length > 0 ? keys : null, values, part))
  }
}

class EachItem implements Attempts {
  readonly count: number
  readonly #single: SingleStep
  readonly #batch: Signal
  readonly #send: (signal: Signal) => void
  readonly #first = new Gathered()
  readonly #second = new Gathered()

  constructor(single: SingleStep, batch: Signal, send: (signal: Signal) => void) {
    this.#single = single
    this.#batch = batch
    this.#send = send
    this.count = batch.values.length
  }

  attempt(at: number): Failure | null {
    const { keys, values, epoch, part } = this.#batch
    const single = this.#single
    const key = keys === null ? null : (keys[at] as string)
    single.epoch = epoch
    const error = single.run(key, values[at])
    if (error !== null) {
      return {
        callback: single.role,
        error: error.thrown,
        item: values[at],
        ...(key === null ? {} : { key }),
        ...(part === null ? {} : { source: part.stepId, part: part.name }),
      }
    }
    this.#first.add(single.out.keys, single.out.values)
    if (single.branches) this.#second.add(single.out.otherKeys, single.out.otherValues)
    return null
  }

  pause(): void {
    this.#first.send(0, this.#batch, this.#send)
    this.#second.send(1, this.#batch, this.#send)
  }
}

/** `flatMapBatch`: what went wrong concerns no single item, so all of them are tried again. */
class WholeBatch implements Attempts {
  readonly count = 1
  readonly #step: StatelessStep
  readonly #batch: Signal
  readonly #send: (signal: Signal) => void
  readonly #out = new Gathered()

  constructor(step: StatelessStep, batch: Signal, send: (signal: Signal) => void) {
    this.#step = step
    this.#batch = batch
    this.#send = send
  }

  attempt(): Failure | null {
    const { keys, values } = this.#batch
    try {
      const result = this.#step.spec.callback(pairs(keys, values).slice())
      this.#out.add(null, isIterable(result) ? Array.from(result) : objections.notIterable(result))
      return null
    } catch (error) {
      return { callback: roleOf(this.#step), error }
    }
  }

  pause(): void {
    this.#out.send(0, this.#batch, this.#send)
  }
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value
