import { durationOption, positiveCount } from '../lib/flow/options.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { type Emit, StatefulLogic } from '../lib/state/logic.ts'
import type { DurationLike } from '../lib/time/time.ts'
import { logicStep } from './logic-step.ts'
import { itemLogic } from './stateful.ts'

/** When values that are gathered go out. */
export interface GatherOptions<V> extends StateOptions<GatheredState<V>> {
  /** How long to gather, wall time. */
  readonly timeout: DurationLike
  /** How many values at most. */
  readonly maxSize: number
}

/** What a snapshot keeps: the values so far, and when they go out, epoch milliseconds. */
type GatheredState<V> = readonly [values: V[], timeoutAt: number]

/** A step that gathers values of a key into arrays. */
export const gathering = <V>(
  id: string,
  options: GatherOptions<V>,
  shape: { readonly operator: string; readonly restarts: boolean },
): Operator<KeyedStream<V>, KeyedStream<V[]>> => {
  const { operator, restarts } = shape
  const timeout = durationOption(`${operator} "${id}": timeout`, options.timeout)
  const maxSize = positiveCount(`${operator} "${id}": maxSize`, options.maxSize)
  return logicStep({
    id,
    operator,
    options,
    kind: itemLogic,
    builder: ({ runtime }) => {
      const clock: Timing = { now: () => runtime.now(), timeout, maxSize, restarts }
      return (resume) => new Gathering<unknown>(clock, resume as GatheredState<unknown> | null)
    },
  })
}

interface Timing {
  now(): number
  readonly timeout: number
  readonly maxSize: number
  /** Whether each value starts the wait anew. */
  readonly restarts: boolean
}

/** The values gathered for one key. */
class Gathering<V> extends StatefulLogic<V, V[], GatheredState<V>> {
  readonly #timing: Timing
  readonly #values: V[]
  #timeoutAt: number

  constructor(timing: Timing, resume: GatheredState<V> | null) {
    super()
    this.#timing = timing
    this.#values = resume === null ? [] : resume[0]
    this.#timeoutAt = resume === null ? timing.now() + timing.timeout : resume[1]
  }

  override onItem(value: V): Emit<V[]> {
    this.#values.push(value)
    if (this.#values.length >= this.#timing.maxSize) return this.#all()
    if (this.#timing.restarts) this.#timeoutAt = this.#timing.now() + this.#timing.timeout
    return NOTHING
  }

  override onNotify(): Emit<V[]> {
    return this.#all()
  }

  override onEof(): Emit<V[]> {
    return this.#all()
  }

  override notifyAt(): number {
    return this.#timeoutAt
  }

  override snapshot(): GatheredState<V> {
    return [this.#values, this.#timeoutAt]
  }

  #all(): Emit<V[]> {
    return { emit: [this.#values], discard: true }
  }
}

const NOTHING: readonly never[] = []
