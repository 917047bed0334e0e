import type { MessagePort } from 'node:worker_threads'
import type { PortableError } from '../errors/portable.ts'
import type { StoreShare } from '../recovery/recovery-store.ts'
import type { LogFields } from '../worker/log-fields.ts'
import type { WorkerSummary } from '../worker/worker.ts'
import type { WorkerFacts } from '../worker/worker-facts.ts'
import type { Progress, ThreadQuestion, ThreadSettings } from './crew.ts'

/** Where a thread finds its flow. */
export interface FlowModule {
  /** The module's URL, as `import.meta.url` gives it. */
  readonly module: string
  /** The name under which it exports the flow, or a function that makes it. */
  readonly export: string
  /** What that function is called with; plain values. */
  readonly args?: readonly unknown[]
}

/** What a thread is started with; what it is to do comes later, as a `ThreadStart`. */
export interface ThreadBoot {
  /** Where the thread's own code lies, and the loader it needs, if any. */
  readonly entry: string
  readonly loader: string | null
  /** The flow's module, to be loaded meanwhile. */
  readonly module: string
}

/** A worker that a thread is to be. Everything that it says goes through its own line. */
export interface ThreadStart {
  readonly line: MessagePort
  readonly flow: FlowModule
  readonly index: number
  readonly count: number
  /** A port to each other worker; `null` in its own place. */
  readonly ports: readonly (MessagePort | null)[]
  readonly settings: ThreadSettings
  /** Which of the partitions of its recovery directory are this worker's. */
  readonly share: StoreShare
  /** What another entry than the usual one needs to know; plain data. */
  readonly extra: unknown
  /** Tells the execution's traces from those of any other. */
  readonly seed: string
  /** Until when it may act; `null` where nobody can give it up. */
  readonly lease: SharedArrayBuffer | null
  /** Where it notes what it is at. */
  readonly whereabouts: SharedArrayBuffer
}

export type ToThread =
  | { readonly kind: 'gathered'; readonly topic: string; readonly values: readonly unknown[] }
  | { readonly kind: 'stop'; readonly drain: boolean }
  | { readonly kind: 'crash'; readonly error: PortableError }
  | { readonly kind: 'observe' }
  | { readonly kind: 'ask'; readonly id: number; readonly question: ThreadQuestion }
  /** The execution is over: it lets go of what connects it with the others. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'query'; readonly id: number; readonly stepId: string; readonly key: string }

export type FromThread =
  | { readonly kind: 'gather'; readonly topic: string; readonly value: unknown }
  | {
      readonly kind: 'report'
      readonly level: 'info' | 'warn' | 'error'
      readonly message: string
      readonly fields: Omit<LogFields, 'err'>
      readonly error: PortableError | null
    }
  | { readonly kind: 'committed'; readonly epoch: number }
  /** What its actors do, by their numbers. */
  | { readonly kind: 'assembled'; readonly actors: readonly string[] }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'facts'; readonly facts: WorkerFacts | null }
  | {
      readonly kind: 'answer'
      readonly id: number
      readonly state: unknown
      readonly error: PortableError | null
    }
  | { readonly kind: 'ended'; readonly summary: WorkerSummary }
  | { readonly kind: 'failed'; readonly error: PortableError }
