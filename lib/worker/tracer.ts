/** What a span is about. */
type SpanKind = 'run' | 'resume' | 'epoch' | 'worker' | 'step' | 'poll' | 'write' | 'snapshot'

/** Something that took its time on a worker and is over. */
export interface Span {
  readonly kind: SpanKind
  /** The epoch that it belongs to; `null` for what there is once in a run. */
  readonly epoch: number | null
  /** Wall-clock times: epoch milliseconds, with fractions. */
  readonly began: number
  readonly ended: number
  /** What else is known of it, by name. */
  readonly facts: Readonly<Record<string, string | number>>
  /** What made it fail. */
  readonly failure: { readonly error: unknown } | null
}

/** Where one worker's spans go. Neither call may throw, wait or take long. */
export interface Tracer {
  /** Whether spans of an epoch are wanted: the same answer on every worker of an execution. */
  wants(epoch: number): boolean
  take(span: Span): void
}

/** Whose spans a tracer takes. */
export interface TracedWorker {
  readonly flow: string
  readonly worker: number
  readonly workers: number
  /** The same for all workers of an execution, and for no other one. */
  readonly seed: string
}

/** Where a thread, which has only plain data, finds what makes a {@link Tracing}. */
export interface TracingModule {
  /** The URL of the module. */
  readonly module: string
  /** The name under which it exports a function that gives a `Tracing`, or the promise of one. */
  readonly export: string
  /** What that is called with; plain values. */
  readonly args: readonly unknown[]
}

/** What takes the spans of runs, as `setupTracing` of `tidemark/ops` makes it. */
export interface Tracing {
  /** @internal */
  open(worker: TracedWorker): Tracer
  /** For workers in threads, which send their spans themselves. @internal */
  readonly remote: TracingModule
  /** Sends what waits; resolves also where that fails. */
  flush(): Promise<void>
  /** Sends what waits and lets go of everything; resolves also where that fails. */
  shutdown(): Promise<void>
}
