import type { ErrorPolicy } from '../flow/policy.ts'
import type { ArchiveModule } from '../recovery/archive.ts'
import type { Report } from '../worker/log-fields.ts'
import type { TracingModule } from '../worker/tracer.ts'
import type { WorkerSummary } from '../worker/worker.ts'
import type { WorkerFacts } from '../worker/worker-facts.ts'

/** Where the workers of a run stand. */
export interface Progress {
  readonly epoch: number
  readonly committed: number
  readonly itemsIn: number
  readonly itemsOut: number
  readonly skipped: number
}

/** What a crew tells of while it works. */
export interface CrewHost {
  readonly report: Report
  committed(epoch: number): void
}

/** A function that a thread is to call: of a module, without arguments, for plain data. */
export interface ThreadQuestion {
  /** The URL of the module. */
  readonly module: string
  readonly export: string
}

/** The workers of one execution, wherever they are. */
export interface Crew {
  /** Runs to the end of all; rejects with what made one of them fail, when all are closed. */
  run(): Promise<readonly WorkerSummary[]>
  stop(drain: boolean): void
  query(stepId: string, key: string): Promise<unknown>
  readonly progress: readonly Progress[]
  /** The workers that are under way, as they are now. */
  observe(): Promise<readonly WorkerFacts[]>
  /** What each thread of workers says; one that is busy or gone says nothing. */
  ask(question: ThreadQuestion): Promise<ReadonlyMap<number, unknown>>
}

/** The store of a thread's process; plain data. */
export interface ThreadRecovery {
  readonly dir: string
  readonly backupInterval: number
  readonly allowRewind: boolean
  readonly archive: {
    readonly name: string
    readonly required: boolean
    readonly from: ArchiveModule
  } | null
}

/** What a thread is told of how to run; plain data. */
export interface ThreadSettings {
  readonly epochInterval: number
  /** Durations are milliseconds, and a sink is in none. */
  readonly onError: ErrorPolicy
  readonly recovery: ThreadRecovery | null
  readonly tracing: TracingModule | null
}
