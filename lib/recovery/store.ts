import type { Runtime } from '../runtime/runtime.ts'
import type { ArchiveFacts } from './archive.ts'
import type { Block } from './block.ts'

/** One execution of a flow as a partition remembers it. */
export interface ExecutionRecord {
  readonly execution: number
  /** The epoch it began with; rows of older executions at or after it never happened. */
  readonly resumeEpoch: number
  readonly workers: number
  /** The ids of all stores that take part; a later execution must find them again. */
  readonly stores: readonly string[]
  /** The steps that can have state; kept of the newest execution only, and not by older releases. */
  readonly steps?: readonly string[]
}

/** What one partition knows of its past: enough to compute where a flow resumes. */
export interface PartitionFacts {
  /** The id of the store it belongs to; each process of a cluster may have a store of its own. */
  readonly store: string
  /** Where it lies, for messages. */
  readonly place: string
  readonly index: number
  /** How many partitions the store was made with. */
  readonly count: number
  /** The flow that owns the store; `null` before its first execution. */
  readonly flowId: string | null
  /** The newest ones, oldest first. */
  readonly executions: readonly ExecutionRecord[]
  /** The durable frontier: of `execution`, every row of an epoch before `epoch` is here. */
  readonly frontier: { readonly execution: number; readonly epoch: number } | null
  /** Rows superseded before this epoch may be gone: the partition cannot resume before it. */
  readonly collected: number
  /** Restored from an archive that may not have had all that was committed. */
  readonly uncertain?: boolean
}

/** One recovery partition, opened and locked by this process. */
export interface RecoveryPartition {
  readonly facts: PartitionFacts
  /**
   * Makes an execution durable, before its first frame. Rows of older executions at or after its
   * resume epoch are removed with it.
   */
  begin(flowId: string, execution: ExecutionRecord): Promise<void>
  /**
   * Writes rows and the frontier they complete as one atomic, synced batch.
   *
   * Called one at a time. After a failure the same blocks come again, with those of later epochs;
   * the database is opened afresh for them, since one that failed to sync is never trusted again.
   */
  append(frontier: number, blocks: readonly Block[]): Promise<void>
  /**
   * Every partition's frontier has reached `epoch`: what it supersedes may be collected, in the
   * background. Never rejects; a failure is told to the host's alarm.
   */
  commit(epoch: number): Promise<void>
  /**
   * The newest row of each key of each step before the resume epoch, each once; no tombstones.
   *
   * Called before `begin`. Ends with a CorruptPartitionError when any block, wanted or not, is
   * damaged or missing: nothing that it gave before may be used then.
   */
  load(resumeEpoch: number): AsyncIterable<Block>
  /** How far its archive is behind it; missing where there is none. */
  readonly archive?: ArchiveFacts
  close(): Promise<void>
}

/** What a store asks of whoever opens it. */
export interface StoreHost {
  readonly runtime: Runtime
  /**
   * Resolves when a write may begin; rejects where none may any more. Left out where nobody else can
   * take the partitions over.
   */
  readonly leased?: () => Promise<void>
  /** Told of failures in the background that the flow survives. */
  alarm(message: string, cause: unknown): void
  /** Told of a failure that ends the execution: another one has taken its place. */
  fail?(error: Error): void
}

/** Where the engine keeps snapshots; a real one is a directory of LevelDB databases. */
export interface Store {
  /** Opens and locks every partition that this process can reach. */
  open(host: StoreHost): Promise<readonly RecoveryPartition[]>
}
