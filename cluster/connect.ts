import { createRequire } from 'node:module'
import { BuildError } from '../lib/errors/errors.ts'
import { checkFlow } from '../lib/flow/check.ts'
import type { Dataflow } from '../lib/flow/dataflow.ts'
import { Execution, type Summary } from '../lib/run/execution.ts'
import { loadFlow } from '../lib/run/flow-module.ts'
import type { NatsOptions } from '../lib/run/nats-options.ts'
import { type RunOptions, type Settings, settingsOf } from '../lib/run/options.ts'
import { ThreadPool } from '../lib/run/thread-pool.ts'
import type { FlowModule } from '../lib/run/thread-protocol.ts'
import { secretBytes } from '../lib/runtime/secret.ts'
import { type DurationLike, durationMillis } from '../lib/time/time.ts'
import { ClusterCrew, type ProcessPlace } from './cluster-crew.ts'
import { flowHash } from './flow-hash.ts'
import type { Messaging } from './messaging.ts'
import { connectNats } from './nats.ts'

const MOST_PROCESSES = 1024
const TAKE_OVER_AFTER = 30_000

export interface ClusterOptions extends ProcessPlace {
  readonly nats: NatsOptions
  /**
   * How long a process may stay away before another one restores its recovery partitions from an archive
   * that commits wait for, and before those that were started anew go on without it where they can;
   * milliseconds or `{ minutes: 1 }`.
   * @defaultValue 30 s
   */
  readonly takeOverAfter?: DurationLike
}

/**
 * Joins a cluster: one process of several that run a flow together, over NATS.
 *
 * @param options.process - the number of this process, from 0
 * @param options.count - how many processes there are
 * @param options.nats - the servers, which must run with JetStream, and how to get in
 * @param options.takeOverAfter - how long a process may stay away before its archived recovery
 *   partitions are restored by another, and those that were started anew go on without it; 30 s
 * @throws ClusterError where no server can be used, BuildError for numbers that can't be
 *
 * @example
 * ```ts
 * const cluster = await connectCluster({ process: 0, count: 3, nats: { servers: 'nats://nats:4222' } })
 * await cluster.run({ module: import.meta.resolve('./orders.ts'), export: 'flow' }, { workers: 2 })
 * await cluster.close()
 * ```
 */
export const connectCluster = async (options: ClusterOptions): Promise<Cluster> => {
  const { process, count, nats, takeOverAfter = TAKE_OVER_AFTER } = options
  if (!(durationMillis(takeOverAfter) >= 0)) {
    throw new BuildError(
      'takeOverAfter is no length of time: give milliseconds or { seconds: 30 }.',
    )
  }
  const counted = Number.isInteger(count) && count >= 1 && count <= MOST_PROCESSES
  if (!counted || !Number.isInteger(process) || process < 0 || process >= count) {
    throw new BuildError(
      `A cluster has 1 to ${MOST_PROCESSES} processes, numbered from 0; got process ${process} of ${count}.`,
    )
  }
  return new Cluster(options, await connectNats({ ...nats, name: `tidemark process ${process}` }))
}

/** This process's place among those that run flows together. */
export class Cluster {
  readonly #options: ClusterOptions
  readonly #messaging: Messaging

  /** @internal Use {@link connectCluster}. */
  constructor(options: ClusterOptions, messaging: Messaging) {
    this.#options = options
    this.#messaging = messaging
  }

  /**
   * Starts this process's part of a flow; the flow begins when all processes have started theirs.
   *
   * With a recovery directory the flow outlives processes: when one dies, the others go on from the
   * last committed epoch, with it once it is back. Counts are of this process's workers.
   *
   * @param flow - the module that exports the flow, the same in every process
   * @param options - as for `run`; `workers` are those of this process, each in a thread, and
   *   `recovery` may be a directory of its own or one that all can reach
   * @throws BuildError when the flow or the options are wrong
   */
  async start(flow: FlowModule, options: RunOptions = {}): Promise<Execution> {
    const settings = settingsOf(options)
    // Threads load the module while this one does, and while the processes find together.
    const pool = new ThreadPool(flow.module, 'cluster/thread-entry')
    pool.warm(settings.workers)
    try {
      const loaded = await loadFlow(flow)
      checkFlow(loaded, settings.onError)
      return this.#execute(flow, { loaded, settings, pool })
    } catch (error) {
      await pool.close()
      throw error
    }
  }

  #execute(
    flow: FlowModule,
    {
      loaded,
      settings,
      pool,
    }: { readonly loaded: Dataflow; readonly settings: Settings; readonly pool: ThreadPool },
  ): Execution {
    const { process, count, nats, takeOverAfter = TAKE_OVER_AFTER } = this.#options
    return new Execution(
      settings,
      (host) =>
        new ClusterCrew({
          flow,
          flowId: loaded.id,
          hash: flowHash(loaded),
          version: versionOf(),
          settings,
          place: { process, count },
          takeOverAfter: durationMillis(takeOverAfter),
          nats,
          messaging: this.#messaging,
          pool,
          incarnation: Buffer.from(secretBytes(8)).toString('hex'),
          host,
        }),
    )
  }

  /** Runs this process's part of a flow to the flow's end, and gives what all workers have done. */
  async run(flow: FlowModule, options: RunOptions = {}): Promise<Summary> {
    return (await this.start(flow, options)).done
  }

  /** Leaves the cluster; what still runs here must have ended. */
  close(): Promise<void> {
    return this.#messaging.close()
  }
}

const versionOf = (): string => {
  const manifest: unknown = createRequire(import.meta.url)('tidemark/package.json')
  const named = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  return named ? String(manifest.version) : ''
}
