import { BuildError } from '../errors/errors.ts'
import { hashKey, ownerOfHash } from '../exchange/hash.ts'
import { deadLetterSinkOf, type ErrorPolicy } from '../flow/policy.ts'
import { RecoveryStore } from '../recovery/recovery-store.ts'
import { durationMillis } from '../time/time.ts'
import type { WorkerSummary } from '../worker/worker.ts'
import type { WorkerFacts } from '../worker/worker-facts.ts'
import type {
  Crew,
  CrewHost,
  Progress,
  ThreadQuestion,
  ThreadRecovery,
  ThreadSettings,
} from './crew.ts'
import { isDirectory, seedOf } from './local-crew.ts'
import type { Settings } from './options.ts'
import { ThreadGroup } from './thread-group.ts'
import { ThreadPool } from './thread-pool.ts'
import type { FlowModule } from './thread-protocol.ts'

/** Workers in threads of their own, each of which loads the flow's module. */
export class ThreadCrew implements Crew {
  readonly #flow: FlowModule
  readonly #settings: Settings
  readonly #host: CrewHost
  readonly #topics = new Map<string, unknown[]>()
  #threads: ThreadGroup | null = null
  #stop: { readonly drain: boolean } | null = null

  constructor(flow: FlowModule, settings: Settings, host: CrewHost) {
    this.#flow = flow
    this.#settings = settings
    this.#host = host
  }

  async run(): Promise<readonly WorkerSummary[]> {
    const { workers: count } = this.#settings
    const settings = await threadSettings(this.#settings, this.#host)
    const pool = new ThreadPool(this.#flow.module, 'lib/run/thread-entry')
    const threads = new ThreadGroup(
      {
        flow: this.#flow,
        settings,
        count,
        local: Array.from({ length: count }, (_, index) => index),
        shareOf: (index) => ({ index, of: count }),
        extra: null,
        seed: this.#settings.tracing === null ? '' : seedOf(this.#settings.runtime),
        lease: null,
      },
      pool,
      {
        report: (level, message, fields) => this.#host.report(level, message, fields),
        committed: (epoch) => this.#host.committed(epoch),
        gather: (from, topic, value) => this.#gather(from, topic, value),
      },
    )
    this.#threads = threads
    const runs = threads.start()
    if (this.#stop !== null) threads.stop(this.#stop.drain)
    const ends = await Promise.allSettled(
      runs.map((run) =>
        run.catch((error: unknown) => {
          threads.crash(error)
          throw error
        }),
      ),
    )
    await threads.release()
    await pool.close()
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return ends.map((end) => (end as PromiseFulfilledResult<WorkerSummary>).value)
  }

  stop(drain: boolean): void {
    this.#stop ??= { drain }
    this.#threads?.stop(drain)
  }

  async query(stepId: string, key: string): Promise<unknown> {
    const owner = ownerOfHash(hashKey(key), this.#settings.workers)
    return this.#threads?.query(owner, stepId, key)
  }

  get progress(): readonly Progress[] {
    return this.#threads?.progress ?? []
  }

  async observe(): Promise<readonly WorkerFacts[]> {
    return (await this.#threads?.observe()) ?? []
  }

  async ask(question: ThreadQuestion): Promise<ReadonlyMap<number, unknown>> {
    return (await this.#threads?.ask(question)) ?? new Map()
  }

  #gather(from: number, topic: string, value: unknown): void {
    const known = this.#topics.get(topic) ?? []
    this.#topics.set(topic, known)
    known[from] = { value }
    if (Object.keys(known).length < this.#settings.workers) return
    this.#topics.delete(topic)
    const values = known.map((each) => (each as { value: unknown }).value)
    this.#threads?.gathered(topic, values)
  }
}

/**
 * The settings as plain data, and the store made where it has to be.
 *
 * @param owner - whose store it is in an archive that several processes share
 * @throws BuildError for what cannot be handed to a thread
 */
export const threadSettings = async (
  { epochInterval, onError, recovery, tracing: traced }: Settings,
  host: CrewHost,
  owner?: string,
): Promise<ThreadSettings> => {
  if (deadLetterSinkOf(onError) !== null) {
    throw new BuildError(
      "A dead-letter sink can't be handed to threads; give it to steps with withPolicy in the flow's module.",
    )
  }
  const policy = portablePolicy(onError)
  const tracing = traced?.remote ?? null
  if (recovery === null) return { epochInterval, onError: policy, recovery: null, tracing }
  const store = isDirectory(recovery)
    ? await RecoveryStore.openOrInit(
        owner === undefined ? recovery : { ...recovery, owner },
        (message) => host.report('info', message),
      )
    : recovery
  if (!(store instanceof RecoveryStore)) {
    throw new BuildError(
      'Workers in threads need a RecoveryStore or { dir } for recovery: each opens its own share.',
    )
  }
  const { dir, backupInterval, allowRewind } = store
  const archive = archiveOf(store)
  const place = { dir, backupInterval, allowRewind, archive }
  return { epochInterval, onError: policy, recovery: place, tracing }
}

const archiveOf = ({ archive }: RecoveryStore): ThreadRecovery['archive'] => {
  if (archive === null) return null
  const { name, required = false, remote } = archive
  if (remote !== undefined) return { name, required, from: remote }
  throw new BuildError(
    `The archive ${name} can't be handed to threads: give one that dirArchive, natsArchive or s3Archive makes.`,
  )
}

/** Durations as milliseconds: what luxon makes can't be copied. */
const portablePolicy = (policy: ErrorPolicy): ErrorPolicy => {
  if (typeof policy !== 'object' || !('retry' in policy)) return policy
  const { retry, circuit } = policy
  return {
    retry: { attempts: retry.attempts, backoff: durationMillis(retry.backoff) },
    ...(circuit === undefined
      ? {}
      : {
          circuit: {
            ...circuit,
            coolDown: durationMillis(circuit.coolDown),
            ...(circuit.within === undefined ? {} : { within: durationMillis(circuit.within) }),
          },
        }),
  }
}
