import type { RunAware, RunFacts } from './run-facts.ts'

/** One partition of a sink without a position. */
export abstract class StatelessSinkPartition<T> {
  /** Takes the items, in order; the next batch waits for the promise. */
  abstract writeBatch(items: T[]): void | Promise<void>

  /**
   * Called once when the flow is told to stop, perhaps while a write is under way: a write that waits
   * for a destination that is away should fail before long, since the flow ends behind it.
   */
  stopping?(): void

  /** Called once, when the flow has ended or was stopped: what was written is whole. */
  close(): void | Promise<void> {}

  /** Called once, instead of `close`, when the run failed; without it `close` is. */
  abandon?(): void | Promise<void>
}

/** One partition of a sink that can be cut back to a position. */
export abstract class StatefulSinkPartition<V, S> extends StatelessSinkPartition<V> {
  /** Called at the end of an epoch, before `snapshot`: makes what was written durable. */
  flush?(): void | Promise<void>

  /** The position behind everything written; asked for at the end of an epoch, when writes are done. */
  abstract snapshot(): S
}

/** A sink that every worker writes in its own way. */
export abstract class DynamicSink<T> implements RunAware {
  /** Told of the run before anything else is called, while `start` still runs. */
  useRun?(run: RunFacts): void

  /** Told last that the run is over: `null`, or what it failed with. */
  endRun?(failure: unknown): void

  abstract build(
    stepId: string,
    workerIndex: number,
    workerCount: number,
  ): StatelessSinkPartition<T> | Promise<StatelessSinkPartition<T>>
}

/** A sink of named partitions: a keyed item goes to the partition of its key, its value is written. */
export abstract class FixedPartitionedSink<V, S> implements RunAware {
  /** Told of the run before anything else is called, while `start` still runs. */
  useRun?(run: RunFacts): void

  /** Told last that the run is over: `null`, or what it failed with. */
  endRun?(failure: unknown): void

  /** The partitions, in an order that is the same on every worker. */
  abstract listParts(): string[] | Promise<string[]>

  /** A number for the key; modulo the number of partitions it indexes `listParts()`. */
  partFor(key: string): number {
    return adler32(key)
  }

  /** Opens one partition, cut back to `resume`, or new when that is `null`. */
  abstract buildPart(
    stepId: string,
    part: string,
    resume: S | null,
  ): StatefulSinkPartition<V, S> | Promise<StatefulSinkPartition<V, S>>
}

/** What a slot of an exactly-once sink is told when it opens. */
export interface SlotContext {
  /** The number of this execution; an older one must be fenced off. */
  readonly execution: number
  /** The first epoch of this execution; what older executions staged at or after it never happened. */
  readonly resumeEpoch: number
}

/**
 * One slot of a transactional sink: an epoch is written, prepared, and committed once durable.
 *
 * `commit` that fails with a retryable ConnectorError is called again until it succeeds; the flow goes
 * on meanwhile, up to 32 epochs of the slot. Any other failure fails the run.
 */
export abstract class TransactionalSinkPartition<T, X> {
  abstract writeBatch(items: T[]): void | Promise<void>
  /** Stages what the epoch wrote; `null` when there is nothing to commit. */
  abstract prepare(epoch: number): X | null | Promise<X | null>
  /** Publishes a staged epoch; may run on any worker, and again. */
  abstract commit(staged: X): void | Promise<void>
  /** Forgets a staged epoch; may run on any worker, and again. */
  abstract abort(staged: X): void | Promise<void>
  close(): void | Promise<void> {}
}

/**
 * A sink whose epochs are prepared with the snapshot and committed after it is durable: exactly once,
 * an epoch late.
 *
 * Output goes through 16 slots, `0` to `15`, each built on one worker. A key keeps its slot; items
 * without a key use the slot of their worker. `build` fences older executions off and discards what
 * they staged at or after `resumeEpoch`; then what they staged before is committed, perhaps again;
 * then the slot is written. Without recovery the execution is 0 and what a failed run staged is
 * aborted.
 */
export abstract class TransactionalSink<T, X> implements RunAware {
  /** Told of the run before anything else is called, while `start` still runs. */
  useRun?(run: RunFacts): void

  /** Told last that the run is over: `null`, or what it failed with. */
  endRun?(failure: unknown): void

  abstract build(
    stepId: string,
    slot: string,
    context: SlotContext,
  ): TransactionalSinkPartition<T, X> | Promise<TransactionalSinkPartition<T, X>>
}

/**
 * One slot of a write-ahead sink: epochs are delivered in order, one at a time, after they are durable.
 *
 * A call that fails with a retryable ConnectorError is made again, later and later (every 5 s at
 * last), until it succeeds; a `deliver` not before `delivered` has told that it is needed. Any other
 * failure fails the run.
 */
export abstract class WriteAheadPartition<T, M = number> {
  /** Shuts out writers of older executions. */
  abstract fence(execution: number): void | Promise<void>
  /** The last epoch that the destination's marker names; `null` when it names none. */
  abstract delivered(): M | null | Promise<M | null>
  /**
   * Writes an epoch's items and its marker as one; nothing, if a later execution has fenced the slot
   * or the marker names the epoch already, since an earlier call may arrive late.
   */
  abstract deliver(epoch: number, items: T[]): void | Promise<void>
  close(): void | Promise<void> {}
}

/**
 * A sink for an outside system: the epoch's items are kept with the snapshot, then handed over: exactly
 * once, an epoch late, through outages of any length.
 *
 * Output goes through 16 slots as of {@link TransactionalSink}. Items must be what a snapshot can keep.
 * While the destination is away they wait, in memory and in the store, up to `stageBytes`. A flow that
 * is stopped meanwhile leaves them to the next run, if it has a store. Without recovery the execution
 * is 0 and the marker of an earlier run means nothing.
 */
export abstract class WriteAheadSink<T, M = number> implements RunAware {
  /**
   * Bytes that may wait on each worker, encoded, while the destination is away; then the flow that
   * leads here waits too. 64 MiB unless given.
   */
  readonly stageBytes?: number

  /** Told of the run before anything else is called, while `start` still runs. */
  useRun?(run: RunFacts): void

  /** Told last that the run is over: `null`, or what it failed with. */
  endRun?(failure: unknown): void

  abstract build(
    stepId: string,
    slot: string,
    context: Pick<SlotContext, 'execution'>,
  ): WriteAheadPartition<T, M> | Promise<WriteAheadPartition<T, M>>
}

export type Sink<T> =
  | DynamicSink<T>
  // biome-ignore lint/suspicious/noExplicitAny: what a staged epoch looks like is the sink's own affair.
  | TransactionalSink<T, any>
  // biome-ignore lint/suspicious/noExplicitAny: so is its marker.
  | WriteAheadSink<T, any>

/** Adler-32 of the key's UTF-8 bytes (RFC 1950, section 9). */
export const adler32 = (key: string): number => {
  const bytes = new TextEncoder().encode(key)
  let low = 1
  let high = 0
  for (const byte of bytes) {
    low = (low + byte) % 65_521
    high = (high + low) % 65_521
  }
  return high * 65_536 + low
}
