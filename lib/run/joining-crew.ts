import type { DurationLike } from '../time/time.ts'
import type { LogFields } from '../worker/log-fields.ts'
import type { WorkerSummary } from '../worker/worker.ts'
import type { WorkerFacts } from '../worker/worker-facts.ts'
import type { Crew, CrewHost, Progress, ThreadQuestion } from './crew.ts'
import type { Execution } from './execution.ts'
import type { NatsOptions, NatsPlace } from './nats-options.ts'
import type { RunOptions } from './options.ts'
import type { FlowModule } from './thread-protocol.ts'

/** What this needs of the package's cluster door, which stands above and is loaded when wanted. */
interface ClusterDoor {
  connectCluster(options: {
    readonly process: number
    readonly count: number
    readonly nats: NatsOptions
    readonly takeOverAfter?: DurationLike
  }): Promise<{
    start(flow: FlowModule, options: RunOptions): Promise<Execution>
    close(): Promise<void>
  }>
}

/** The workers of one process of several: joins the others, and leaves when the flow has ended. */
export class JoiningCrew implements Crew {
  readonly #flow: FlowModule
  readonly #options: RunOptions & { readonly nats: NatsPlace }
  readonly #host: CrewHost
  #execution: Execution | null = null
  #stop: { readonly drain: boolean } | null = null

  constructor(
    flow: FlowModule,
    options: RunOptions & { readonly nats: NatsPlace },
    host: CrewHost,
  ) {
    this.#flow = flow
    this.#options = options
    this.#host = host
  }

  async run(): Promise<readonly WorkerSummary[]> {
    const { nats, signal: _, ...options } = this.#options
    const { process, count, takeOverAfter, ...how } = nats
    const { connectCluster } = await clusterDoor()
    const cluster = await connectCluster({
      process,
      count,
      nats: how,
      ...(takeOverAfter === undefined ? {} : { takeOverAfter }),
    })
    try {
      const execution = await cluster.start(this.#flow, { ...options, logger: this.#logger })
      this.#execution = execution
      execution.events$.subscribe((event) => {
        if (event.kind === 'committed') this.#host.committed(event.epoch)
      })
      if (this.#stop !== null) execution.stop(this.#stop).catch(() => {})
      return [await execution.done]
    } finally {
      await cluster.close()
    }
  }

  stop(drain: boolean): void {
    this.#stop ??= { drain }
    this.#execution?.stop({ drain }).catch(() => {})
  }

  async query(stepId: string, key: string): Promise<unknown> {
    return this.#execution?.query(stepId, key)
  }

  get progress(): readonly Progress[] {
    return this.#execution === null ? [] : [this.#execution.metrics()]
  }

  async observe(): Promise<readonly WorkerFacts[]> {
    return (await this.#execution?.observe()) ?? []
  }

  async ask(question: ThreadQuestion): Promise<ReadonlyMap<number, unknown>> {
    return (await this.#execution?.ask(question)) ?? new Map()
  }

  get #logger() {
    const say = (level: 'info' | 'warn' | 'error') => (fields: LogFields, message: string) =>
      this.#host.report(level, message, fields)
    return { info: say('info'), warn: say('warn'), error: say('error') }
  }
}

const clusterDoor = (): Promise<ClusterDoor> => {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return import(new URL(`../../cluster/index.${ending}`, import.meta.url).href)
}
