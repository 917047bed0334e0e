import {
  type Attributes,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  type IdGenerator,
  RandomIdGenerator,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base'
import type { Span, TracedWorker, Tracer, Tracing, TracingModule } from '../../lib/worker/tracer.ts'
import { spanIdOf, type TraceRoot, traceIdOf } from './span-ids.ts'
import type { TracingSettings } from './tracing.ts'

/** Spans that may wait for the collector; those beyond are dropped. */
const MOST_WAITING = 2048
/** Milliseconds between two requests, and after which one has failed. */
const SEND_EVERY = 1000
const SEND_WITHIN = 2000

/** Makes ids by chance, but for spans whose ids are known to all workers. */
class KnownIds implements IdGenerator {
  readonly #random = new RandomIdGenerator()
  next: { readonly traceId: string | null; readonly spanId: string } | null = null

  generateTraceId(): string {
    return this.next?.traceId ?? this.#random.generateTraceId()
  }

  generateSpanId(): string {
    return this.next?.spanId ?? this.#random.generateSpanId()
  }
}

/** Takes spans of ours to a collector, by OpenTelemetry. */
export const openOtlp = (settings: TracingSettings, remote: TracingModule): Tracing => {
  const { serviceName, endpoint, samplingRatio, headers } = settings
  const ids = new KnownIds()
  const processor = new BatchSpanProcessor(
    new OTLPTraceExporter({ url: endpoint, headers: { ...headers }, timeoutMillis: SEND_WITHIN }),
    {
      maxQueueSize: MOST_WAITING,
      scheduledDelayMillis: SEND_EVERY,
      exportTimeoutMillis: SEND_WITHIN,
    },
  )
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName }),
    // Whether an epoch is traced has been decided by then.
    sampler: new AlwaysOnSampler(),
    spanProcessors: [processor],
    idGenerator: ids,
  })
  const tracer = provider.getTracer('tidemark')
  const sampler = new TraceIdRatioBasedSampler(samplingRatio)
  return {
    remote,
    open: (worker) => new WorkerTracer(worker, { ids, sampler, tracer, off: samplingRatio === 0 }),
    flush: () => settled(provider.forceFlush()),
    shutdown: () => settled(provider.shutdown()),
  }
}

/** A collector that is away is no failure of the flow's. */
const settled = (work: Promise<void>): Promise<void> => work.catch(() => {})

class WorkerTracer implements Tracer {
  readonly #worker: TracedWorker
  readonly #ids: KnownIds
  readonly #sampler: TraceIdRatioBasedSampler
  readonly #tracer: OtelTracer
  readonly #off: boolean

  constructor(
    worker: TracedWorker,
    ends: {
      readonly ids: KnownIds
      readonly sampler: TraceIdRatioBasedSampler
      readonly tracer: OtelTracer
      readonly off: boolean
    },
  ) {
    this.#worker = worker
    this.#ids = ends.ids
    this.#sampler = ends.sampler
    this.#tracer = ends.tracer
    this.#off = ends.off
  }

  wants(epoch: number): boolean {
    const { seed } = this.#worker
    const { decision } = this.#sampler.shouldSample(ROOT_CONTEXT, traceIdOf({ seed, epoch }))
    return decision === SamplingDecision.RECORD_AND_SAMPLED
  }

  take(span: Span): void {
    if (this.#off) return
    const { seed, worker } = this.#worker
    const root: TraceRoot = { seed, epoch: span.epoch }
    const traceId = traceIdOf(root)
    const place = placeOf(span, worker)
    this.#ids.next = place.own === null ? null : { traceId, spanId: spanIdOf(root, place.own) }
    const parent = place.parent === null ? null : spanIdOf(root, place.parent)
    const started = this.#tracer.startSpan(
      `tidemark.${span.kind}`,
      {
        kind: SpanKind.INTERNAL,
        startTime: span.began,
        attributes: this.#attributes(span),
        // An epoch has a trace of its own, which leads to that of its run.
        links: span.kind === 'epoch' ? [{ context: runContext(seed) }] : [],
      },
      parent === null
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, contextOf(traceId, parent)),
    )
    this.#ids.next = null
    if (span.failure !== null) {
      const { error } = span.failure
      const message = error instanceof Error ? error.message : String(error)
      started.recordException(error instanceof Error ? error : message, span.ended)
      started.setStatus({ code: SpanStatusCode.ERROR, message })
    }
    started.end(span.ended)
  }

  #attributes({ kind, epoch, facts }: Span): Attributes {
    const { flow, worker, workers } = this.#worker
    const attributes: Attributes = { 'tidemark.flow': flow, 'tidemark.worker': worker }
    if (epoch !== null) attributes['tidemark.epoch'] = epoch
    if (kind === 'run') attributes['tidemark.workers'] = workers
    for (const [name, fact] of Object.entries(facts)) attributes[`tidemark.${name}`] = fact
    return attributes
  }
}

/** Which span this is in its trace, where others need to know, and which it is within. */
const placeOf = (
  { kind, epoch }: Span,
  worker: number,
): { readonly own: string | null; readonly parent: string | null } => {
  if (kind === 'epoch') return { own: 'root', parent: null }
  if (kind === 'worker') return { own: `worker ${worker}`, parent: 'root' }
  if (kind === 'run') return { own: 'root', parent: null }
  return { own: null, parent: epoch === null ? 'root' : `worker ${worker}` }
}

const runContext = (seed: string): SpanContext => {
  const root = { seed, epoch: null }
  return contextOf(traceIdOf(root), spanIdOf(root, 'root'))
}

const contextOf = (traceId: string, spanId: string): SpanContext => ({
  traceId,
  spanId,
  traceFlags: TraceFlags.SAMPLED,
})
