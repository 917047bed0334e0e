import type { DurationLike } from '../time/time.ts'
import type { RunAware, RunFacts } from './run-facts.ts'

/** What `nextBatch` returns when its partition has ended. */
export const EOF: unique symbol = Symbol.for('tidemark.EOF')

/** What `nextBatch` may give: items (none means "nothing now"), or the end. */
export type Polled<T> = Iterable<T> | typeof EOF

/** One partition of a source without a position: what it has handed over is gone. */
export abstract class StatelessSourcePartition<T> {
  /** The next items; `[]` when there are none now. A promise never blocks other steps. */
  abstract nextBatch(): Polled<T> | Promise<Polled<T>>

  /** Epoch milliseconds before which `nextBatch` is not called again; `null` leaves it to the engine. */
  nextAwake(): number | null {
    return null
  }

  /** This partition's own watermark, epoch milliseconds: nothing older will come from it. */
  watermark?(): number

  /** Items that are there and were not handed over yet, as far as is known; read by metrics. */
  lag?(): number | null

  /** Called once, when the partition has ended or the flow stops. */
  close(): void | Promise<void> {}
}

/** One partition of a source that can be read again from a position. */
export abstract class StatefulSourcePartition<T, S> extends StatelessSourcePartition<T> {
  /** The position behind the last batch handed over; never called while a `nextBatch` is pending. */
  abstract snapshot(): S

  /** Everything up to `state` is durable: safe to acknowledge upstream. */
  onCommit?(state: S): void | Promise<void>
}

/** A source of named partitions, each read by one worker and resumed from its own position. */
export abstract class FixedPartitionedSource<T, S> implements RunAware {
  /**
   * Whether its partitions have a `watermark` of their own, so that windows can follow it. Where a
   * source does not say, they are asked once they are open.
   */
  readonly givesWatermarks?: boolean

  /** Told of the run before anything else is called, while `start` still runs. */
  useRun?(run: RunFacts): void

  /** Told last that the run is over: `null`, or what it failed with. */
  endRun?(failure: unknown): void

  /** How often `listParts` is asked again while the flow runs; new partitions join at a later epoch. */
  discoverEvery?: DurationLike

  /** The partitions this worker can reach; the union over all workers is what is read. */
  abstract listParts(): string[] | Promise<string[]>

  /** Opens one partition behind `resume`, or at its start when that is `null`. */
  abstract buildPart(
    stepId: string,
    part: string,
    resume: S | null,
  ): StatefulSourcePartition<T, S> | Promise<StatefulSourcePartition<T, S>>
}

/** A source that every worker reads in its own way, without a position to resume from. */
export abstract class DynamicSource<T> implements RunAware {
  /**
   * Whether its partitions have a `watermark` of their own, so that windows can follow it. Where a
   * source does not say, they are asked once they are open.
   */
  readonly givesWatermarks?: boolean

  /** Told of the run before anything else is called, while `start` still runs. */
  useRun?(run: RunFacts): void

  /** Told last that the run is over: `null`, or what it failed with. */
  endRun?(failure: unknown): void

  abstract build(
    stepId: string,
    workerIndex: number,
    workerCount: number,
  ): StatelessSourcePartition<T> | Promise<StatelessSourcePartition<T>>
}

// biome-ignore lint/suspicious/noExplicitAny: the position's type is the source's own affair.
export type Source<T> = FixedPartitionedSource<T, any> | DynamicSource<T>
