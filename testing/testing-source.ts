import { AbortExecution } from '../lib/errors/errors.ts'
import { durationOption, positiveCount } from '../lib/flow/options.ts'
import type { RunFacts } from '../lib/flow/run-facts.ts'
import {
  EOF,
  FixedPartitionedSource,
  type Polled,
  StatefulSourcePartition,
} from '../lib/flow/source.ts'
import type { Runtime } from '../lib/runtime/runtime.ts'
import { systemRuntime } from '../lib/runtime/system.ts'
import type { DurationLike } from '../lib/time/time.ts'

/** Something that happens between two items of a {@link TestingSource}. */
export class Marker {
  readonly #kind: 'eof' | 'abort' | 'pause'
  readonly #duration: number

  constructor(kind: 'eof' | 'abort' | 'pause', duration = 0) {
    this.#kind = kind
    this.#duration = duration
  }

  get kind(): 'eof' | 'abort' | 'pause' {
    return this.#kind
  }

  /** Of a pause, in milliseconds. */
  get duration(): number {
    return this.#duration
  }
}

export interface TestingSourceOptions {
  /** Items a batch; a marker ends its batch early. @defaultValue 1 */
  readonly batchSize?: number
}

/**
 * A source of given items, with failures as data.
 *
 * Its one partition's position is the number of items handed over; markers are not counted. On
 * resume the markers that stand exactly at the position are passed over, all earlier ones lie behind it.
 *
 * - `TestingSource.EOF` ends the source; a run that resumes goes on behind it.
 * - `TestingSource.ABORT` ends the run as a crash would, with `AbortExecution`. Each strikes once in
 *   the life of this object, and not when it stands exactly at the position resumed from.
 * - `TestingSource.PAUSE(duration)` gives nothing for so long, on the run's clock.
 *
 * @param items - items and markers; iterated anew by each run
 *
 * @example
 * ```ts
 * flow.input('in', new TestingSource([1, 2, TestingSource.ABORT, 3], { batchSize: 2 }))
 * ```
 */
export class TestingSource<T> extends FixedPartitionedSource<T, number> {
  override readonly givesWatermarks: boolean = false
  static readonly EOF: Marker = new Marker('eof')
  static readonly ABORT: Marker = new Marker('abort')
  static PAUSE(duration: DurationLike): Marker {
    return new Marker('pause', durationOption('PAUSE', duration))
  }

  readonly #items: Iterable<T | Marker>
  readonly #batchSize: number
  /** Places of the aborts that have struck, items and markers counted. */
  readonly #struck = new Set<number>()
  #runtime: Runtime = systemRuntime

  constructor(items: Iterable<T | Marker>, { batchSize = 1 }: TestingSourceOptions = {}) {
    super()
    this.#items = items
    this.#batchSize = positiveCount('batchSize', batchSize)
  }

  override useRun({ runtime }: RunFacts): void {
    this.#runtime = runtime
  }

  override listParts(): string[] {
    return ['iterable']
  }

  override buildPart(
    _stepId: string,
    _part: string,
    resume: number | null,
  ): StatefulSourcePartition<T, number> {
    const script = new Script(this.#items[Symbol.iterator]())
    if (resume !== null) script.passTo(resume)
    return new TestingPartition(script, {
      batchSize: this.#batchSize,
      struck: this.#struck,
      runtime: this.#runtime,
    })
  }
}

/** Items and markers in order, with one that is looked at before it is taken. */
class Script<T> {
  readonly #iterator: Iterator<T | Marker>
  #ahead: IteratorResult<T | Marker> | null = null
  /** Items and markers taken. */
  place = 0
  /** Items taken. */
  position = 0

  constructor(iterator: Iterator<T | Marker>) {
    this.#iterator = iterator
  }

  peek(): IteratorResult<T | Marker> {
    this.#ahead ??= this.#iterator.next()
    return this.#ahead
  }

  take(): void {
    const { done, value } = this.peek()
    if (done === true) return
    this.#ahead = null
    this.place += 1
    if (!(value instanceof Marker)) this.position += 1
  }

  /** Stands behind `position` items and the markers that follow them at once. */
  passTo(position: number): void {
    for (;;) {
      const { done, value } = this.peek()
      if (done === true) break
      if (this.position === position && !(value instanceof Marker)) break
      this.take()
    }
    this.position = position
  }

  close(): void {
    this.#iterator.return?.()
  }
}

class TestingPartition<T> extends StatefulSourcePartition<T, number> {
  readonly #script: Script<T>
  readonly #batchSize: number
  readonly #struck: Set<number>
  readonly #runtime: Runtime
  #awake: number | null = null
  /** The marker that ended the source, once it was met. */
  #end: 'eof' | 'abort' | null = null

  constructor(
    script: Script<T>,
    options: { batchSize: number; struck: Set<number>; runtime: Runtime },
  ) {
    super()
    this.#script = script
    this.#batchSize = options.batchSize
    this.#struck = options.struck
    this.#runtime = options.runtime
  }

  override nextBatch(): Polled<T> {
    this.#awake = null
    const batch: T[] = []
    while (batch.length < this.#batchSize && this.#end === null && this.#awake === null) {
      this.#step(batch)
    }
    if (batch.length > 0 || this.#end === null) return batch
    if (this.#end === 'abort') throw new AbortExecution()
    return EOF
  }

  #step(batch: T[]): void {
    const { done, value } = this.#script.peek()
    if (done === true) {
      this.#end = 'eof'
    } else if (value instanceof Marker) {
      this.#meet(value)
    } else {
      this.#script.take()
      batch.push(value)
    }
  }

  #meet(marker: Marker): void {
    const place = this.#script.place
    this.#script.take()
    if (marker.kind === 'abort') {
      if (this.#struck.has(place)) return
      this.#struck.add(place)
    }
    if (marker.kind === 'pause') this.#awake = this.#runtime.now() + marker.duration
    else this.#end = marker.kind
  }

  override nextAwake(): number | null {
    return this.#awake
  }

  override snapshot(): number {
    return this.#script.position
  }

  override close(): void {
    this.#script.close()
  }
}
