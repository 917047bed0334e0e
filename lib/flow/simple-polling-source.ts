import { BuildError } from '../errors/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { systemRuntime } from '../runtime/system.ts'
import { type DurationLike, epochMillis, type TimeLike } from '../time/time.ts'
import { durationOption } from './options.ts'
import type { RunFacts } from './run-facts.ts'
import { EOF, FixedPartitionedSource, type Polled, StatefulSourcePartition } from './source.ts'

/** Thrown by `nextItem`: nothing could be had, ask again after `after`. */
export class Retry extends Error {
  /** Milliseconds to wait. */
  readonly after: number

  constructor(after: DurationLike) {
    super('The source asks to be polled again later.')
    this.name = 'Retry'
    this.after = durationOption('Retry', after)
  }
}

export interface PollingOptions {
  /** Time from one call of `nextItem` to the next. */
  readonly interval: DurationLike
  /** A moment that the calls line up with: they come a whole number of intervals from it. */
  readonly alignTo?: TimeLike
}

/** What one call of `nextItem` gives: an item, `null` for none this time, `EOF` for no more. */
export type PolledItem<T> = T | null | typeof EOF

/**
 * A source that asks for one item every so often, for low rates: one partition, on one worker.
 *
 * The first call comes at once, or at the next moment that lines up with `alignTo`. Later calls keep
 * to that grid however long a call takes; calls that were missed are caught up. `nextItem` may throw
 * {@link Retry}: nothing is emitted and the next call comes that much later instead.
 *
 * `snapshot` and `resume` keep a position, for a source that can go on where it was; without them
 * items polled before a crash are not polled again.
 *
 * @typeParam T - type of the items
 * @typeParam S - type of the position
 *
 * @example
 * ```ts
 * class Temperature extends SimplePollingSource<number> {
 *   constructor() { super({ interval: { minutes: 1 }, alignTo: 0 }) }
 *   async nextItem() {
 *     const answer = await fetch(url)
 *     if (!answer.ok) throw new Retry({ seconds: 5 })
 *     return Number(await answer.text())
 *   }
 * }
 * ```
 */
export abstract class SimplePollingSource<T, S = null> extends FixedPartitionedSource<T, S> {
  override readonly givesWatermarks: boolean = false
  readonly #interval: number
  readonly #alignTo: number | null
  #runtime: Runtime = systemRuntime

  constructor({ interval, alignTo }: PollingOptions) {
    super()
    this.#interval = durationOption('interval', interval)
    this.#alignTo = alignTo === undefined ? null : epochMillis(alignTo)
    if (this.#alignTo !== null && !Number.isFinite(this.#alignTo)) {
      throw new BuildError(
        'alignTo must be a point in time: epoch milliseconds, a Date or a DateTime.',
      )
    }
  }

  /** The next item; `null` when there is none this time, `EOF` when there is none any more. */
  abstract nextItem(): PolledItem<T> | Promise<PolledItem<T>>

  /** The position behind the last item; `null` when nothing can be resumed. */
  snapshot(): S {
    return null as S
  }

  /** Goes on behind `state`; called before the first `nextItem`. */
  resume(_state: S): void {}

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return ['singleton']
  }

  override buildPart(
    _stepId: string,
    _part: string,
    resume: S | null,
  ): StatefulSourcePartition<T, S> {
    if (resume !== null) this.resume(resume)
    return new PollingPartition(this, this.#interval, this.#firstAwake())
  }

  #firstAwake(): number {
    const now = this.#runtime.now()
    if (this.#alignTo === null || this.#interval === 0) return now
    const since = (now - this.#alignTo) % this.#interval
    if (since === 0) return now
    return now + (since > 0 ? this.#interval - since : -since)
  }
}

class PollingPartition<T, S> extends StatefulSourcePartition<T, S> {
  readonly #source: SimplePollingSource<T, S>
  readonly #interval: number
  #awake: number

  constructor(source: SimplePollingSource<T, S>, interval: number, awake: number) {
    super()
    this.#source = source
    this.#interval = interval
    this.#awake = awake
  }

  override nextBatch(): Polled<T> | Promise<Polled<T>> {
    try {
      const item = this.#source.nextItem()
      return item instanceof Promise
        ? item.then(
            (settled) => this.#taken(settled),
            (cause) => this.#failed(cause),
          )
        : this.#taken(item)
    } catch (cause) {
      return this.#failed(cause)
    }
  }

  #taken(item: PolledItem<T>): Polled<T> {
    if (item === EOF) return EOF
    this.#awake += this.#interval
    return item === null || item === undefined ? [] : [item]
  }

  #failed(cause: unknown): Polled<T> {
    if (!(cause instanceof Retry)) throw cause
    this.#awake += cause.after
    return []
  }

  override nextAwake(): number {
    return this.#awake
  }

  override snapshot(): S {
    return this.#source.snapshot()
  }
}
