import type { Runtime } from '../../lib/runtime/runtime.ts'
import { systemRuntime } from '../../lib/runtime/system.ts'
import type { KafkaConnectionOptions } from './client-options.ts'
import type { KafkaCluster } from './cluster.ts'
import { openCluster } from './driver.ts'

/** One connection for all partitions of a source or slots of a sink; the last one shuts the door. */
export class SharedCluster {
  runtime: Runtime = systemRuntime
  readonly #options: KafkaConnectionOptions
  #cluster: Promise<KafkaCluster> | null = null
  #users = 0

  constructor(options: KafkaConnectionOptions) {
    this.#options = options
  }

  async take(): Promise<KafkaCluster> {
    this.#users += 1
    this.#cluster ??= openCluster(this.#options, this.runtime)
    const opened = this.#cluster
    try {
      return await opened
    } catch (error) {
      this.#users -= 1
      if (this.#cluster === opened) this.#cluster = null
      throw error
    }
  }

  async leave(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0) return
    const cluster = await this.#cluster
    if (this.#users > 0) return
    this.#cluster = null
    await cluster?.close()
  }

  /** For as long as `body` takes. */
  async use<R>(body: (cluster: KafkaCluster) => Promise<R>): Promise<R> {
    const cluster = await this.take()
    try {
      return await body(cluster)
    } finally {
      await this.leave()
    }
  }
}
