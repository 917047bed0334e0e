import type { Block } from './block.ts'

/** One execution of a flow as a partition remembers it. */
export interface ExecutionRecord {
  readonly execution: number
  /** The epoch it began with; rows of older executions at or after it never happened. */
  readonly resumeEpoch: number
  readonly workers: number
}

/** What one partition knows of its past: enough to compute where a flow resumes. */
export interface PartitionFacts {
  readonly index: number
  /** How many partitions the store was made with. */
  readonly count: number
  /** The flow that owns the store; `null` before its first execution. */
  readonly flowId: string | null
  readonly executions: readonly ExecutionRecord[]
  /** The durable frontier: of `execution`, every row of an epoch before `epoch` is here. */
  readonly frontier: { readonly execution: number; readonly epoch: number } | null
  /** Rows superseded before this epoch may be gone: the partition cannot resume before it. */
  readonly collected: number
}

/** One recovery partition, opened and locked by this process. */
export interface RecoveryPartition {
  readonly facts: PartitionFacts
  /** Makes an execution durable, before its first frame. */
  begin(flowId: string, execution: ExecutionRecord): Promise<void>
  /**
   * Writes rows and the frontier they complete as one atomic, synced batch.
   *
   * Called one at a time. After a failure the same blocks come again, with those of later epochs.
   */
  append(frontier: number, blocks: readonly Block[]): Promise<void>
  /** Every partition's frontier has reached `epoch`: what it supersedes may be collected. */
  commit(epoch: number): Promise<void>
  /** The newest row of each key of each step before the resume epoch, each once; no tombstones. */
  load(resumeEpoch: number): AsyncIterable<Block>
  close(): Promise<void>
}

/** Where the engine keeps snapshots; a real one is a directory of LevelDB databases. */
export interface Store {
  /** Opens and locks every partition that this process can reach. */
  open(): Promise<readonly RecoveryPartition[]>
}
