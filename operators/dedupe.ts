import { BuildError } from '../lib/errors/errors.ts'
import { preview } from '../lib/errors/preview.ts'
import { durationOption } from '../lib/flow/options.ts'
import type { StateOptions } from '../lib/flow/step.ts'
import type { KeyedStream, Operator } from '../lib/flow/stream.ts'
import { Entry } from '../lib/state/entry.ts'
import { KeyTable } from '../lib/state/key-table.ts'
import type { Processor, ProcessorContext } from '../lib/state/processor.ts'
import { StepClock } from '../lib/state/step-clock.ts'
import { type DurationLike, durationMillis } from '../lib/time/time.ts'
import { functionOption, keyedStep } from './keyed-step.ts'

/** What values are told apart by. */
export type DedupeId = string | number | bigint | boolean | null

/** What a snapshot keeps: each id and when it was let through, oldest first. */
type DedupeState = readonly (readonly [id: DedupeId, time: number])[]

export interface DedupeOptions extends StateOptions<DedupeState> {
  /**
   * For how long after a value the same is dropped; for good unless given, and then memory grows
   * with every value that is told apart, until `ttl` forgets the key.
   */
  readonly within?: DurationLike
}

type AnyBy = (value: unknown) => DedupeId

/**
 * Lets the first of equal values through and drops those that repeat it, key by key.
 *
 * Time is event time where watermarks are made upstream, wall time otherwise. A value that was
 * dropped does not lengthen the time. The ids of the last `within` are part of snapshots.
 *
 * @param id - the step's id
 * @param by - what values of a key are told apart by: a string, number, bigint, boolean or null
 * @param options - `within`, and `ttl`, `codec`, `version`, `migrate`
 * @throws StepError with what `by` throws, or when it gives anything else
 *
 * @example
 * ```ts
 * keyed.pipe(dedupe('once', (event) => event.id, { within: { minutes: 10 } }))
 * ```
 */
export const dedupe = <V>(
  id: string,
  by: (value: V) => DedupeId,
  options: DedupeOptions = {},
): Operator<KeyedStream<V>, KeyedStream<V>> => {
  functionOption(id, 'by', by)
  const within =
    options.within === undefined ? null : durationOption(`dedupe "${id}": within`, options.within)
  if (within === 0) {
    throw new BuildError(`dedupe "${id}": within must be longer than nothing.`)
  }
  return keyedStep({
    id,
    operator: 'dedupe',
    options: within === null ? options : { ...options, ttl: shorter(options.ttl, within) },
    retryable: true,
    open: (context) => new Deduping(by as AnyBy, within ?? Number.POSITIVE_INFINITY, context),
  })
}

/** A key that was quiet for `within` has nothing to remember. */
const shorter = (ttl: DurationLike | undefined, within: number): DurationLike =>
  ttl === undefined || durationMillis(ttl) > within ? within : ttl

/** What one key has let through, oldest first. */
class Passed extends Entry {
  readonly times: Map<DedupeId, number>

  constructor(resume: DedupeState | null) {
    super()
    this.times = new Map(resume)
  }
}

class Deduping implements Processor {
  readonly table: KeyTable<Passed> = new KeyTable<Passed>({
    make: (_key, resume) => new Passed(resume as DedupeState | null),
    snapshot: (entry) => [...entry.times],
  })
  readonly #by: AnyBy
  readonly #within: number
  readonly #clock: StepClock
  readonly #context: ProcessorContext

  constructor(by: AnyBy, within: number, context: ProcessorContext) {
    this.#by = by
    this.#within = within
    this.#clock = new StepClock(context)
    this.#context = context
  }

  onWatermark(time: number): void {
    this.#clock.onWatermark(time)
  }

  onBatch(keys: readonly string[], values: readonly unknown[]): void {
    const now = this.#clock.now()
    const outKeys: string[] = []
    const outValues: unknown[] = []
    for (let at = 0; at < values.length; at++) {
      const key = keys[at] as string
      const value = values[at]
      try {
        const id = this.#by(value)
        checkId(id)
        if (!this.#passes(key, id, now)) continue
      } catch (error) {
        this.#context.fail({ callback: 'by', error, key, item: value })
        continue
      }
      outKeys.push(key)
      outValues.push(value)
    }
    this.#context.emit(0, outKeys, outValues)
  }

  #passes(key: string, id: DedupeId, now: number): boolean {
    const known = this.table.entries.get(key)
    const time = known?.times.get(id)
    if (time !== undefined && !this.#isOver(time, now)) return false
    if (known !== undefined) this.table.touch(known)
    const { times } = known ?? this.table.add(key)
    for (const [old, since] of times) {
      if (!this.#isOver(since, now)) break
      times.delete(old)
    }
    times.set(id, now)
    return true
  }

  /** What came before any time was known counts from the first. */
  #isOver(since: number, now: number): boolean {
    return now - Math.max(since, this.#clock.first) >= this.#within
  }
}

const checkId = (id: unknown): void => {
  const type = typeof id
  if (type === 'string' || type === 'bigint' || type === 'boolean' || id === null) return
  if (type === 'number' && !Number.isNaN(id)) return
  throw new TypeError(
    `it must return a string, number, bigint, boolean or null to tell values apart by; got ${preview(id)}`,
  )
}
