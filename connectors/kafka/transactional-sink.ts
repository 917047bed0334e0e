import type { RunFacts } from '../../lib/flow/run-facts.ts'
import { WriteAheadSink } from '../../lib/flow/sink.ts'
import type { KafkaCluster } from './cluster.ts'
import { KafkaSlot } from './kafka-slot.ts'
import { MarkerLog } from './marker-log.ts'
import { SharedCluster } from './shared-cluster.ts'
import type { KafkaItem, KafkaSinkOptions } from './sink-options.ts'
import { TopicTable } from './topic-table.ts'

const STAGE_BYTES = 64 * 1024 * 1024
const TRANSACTION_TIMEOUT = 60_000
const MARKERS = 'tidemark-markers'
const PREFIX = 'tidemark'

/** Writes an epoch when it is committed, in one transaction with its marker: exactly once. */
export class TransactionalKafkaSink extends WriteAheadSink<KafkaItem> {
  override readonly stageBytes: number
  readonly #options: KafkaSinkOptions
  readonly #shared: SharedCluster
  #recovery = false
  #log: { readonly cluster: KafkaCluster; readonly markers: MarkerLog } | null = null

  constructor(options: KafkaSinkOptions) {
    super()
    this.stageBytes = options.stageBytes ?? STAGE_BYTES
    this.#options = options
    this.#shared = new SharedCluster(options)
  }

  override useRun({ recovery, runtime }: RunFacts): void {
    this.#recovery = recovery
    this.#shared.runtime = runtime
  }

  override async build(stepId: string, slot: string): Promise<KafkaSlot> {
    const cluster = await this.#shared.take()
    const { topic, compression = 'none', prefix = PREFIX } = this.#options
    const { transactionTimeout: timeout = TRANSACTION_TIMEOUT } = this.#options
    const { runtime } = this.#shared
    const markers = this.#markersOf(cluster)
    const step = `${prefix}.${stepId}`
    return new KafkaSlot({
      step,
      slot,
      recovery: this.#recovery,
      topic,
      topics: new TopicTable(cluster, () => runtime.monotonic()),
      markers,
      transactions: cluster.transactions(`${step}.${slot}`, {
        compression,
        timeout,
        places: [markers.where],
      }),
      now: () => runtime.now(),
      closed: () => this.#shared.leave(),
    })
  }

  /** What one slot has read of the markers the others need not read again. */
  #markersOf(cluster: KafkaCluster): MarkerLog {
    if (this.#log?.cluster !== cluster) {
      const markers = new MarkerLog(cluster, this.#options.markers ?? MARKERS)
      this.#log = { cluster, markers }
    }
    return this.#log.markers
  }
}
