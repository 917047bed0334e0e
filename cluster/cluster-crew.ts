import { ClusterError, RecoveryError } from '../lib/errors/errors.ts'
import { findStore, takenStores } from '../lib/recovery/directory.ts'
import type { Crew, CrewHost, Progress, ThreadQuestion, ThreadSettings } from '../lib/run/crew.ts'
import { isDirectory } from '../lib/run/local-crew.ts'
import type { NatsOptions } from '../lib/run/nats-options.ts'
import type { Settings } from '../lib/run/options.ts'
import { threadSettings } from '../lib/run/thread-crew.ts'
import type { ThreadPool } from '../lib/run/thread-pool.ts'
import type { FlowModule } from '../lib/run/thread-protocol.ts'
import type { Runtime } from '../lib/runtime/runtime.ts'
import type { WorkerSummary } from '../lib/worker/worker.ts'
import type { WorkerFacts } from '../lib/worker/worker-facts.ts'
import type { Hello, Plan } from './control.ts'
import { Council } from './council.ts'
import { archivedEstate, type Estate } from './estate.ts'
import { Failures } from './failures.ts'
import type { Messaging, Register } from './messaging.ts'
import { tellOfOutages } from './outages.ts'
import { ExecutionFailure, ProcessExecution } from './process-execution.ts'
import { type Left, RunNote } from './run-note.ts'
import { messagingTransport } from './transport.ts'

/** How long it is remembered that a run has ended: milliseconds. */
const ENDED_TTL = 7 * 24 * 3600 * 1000

/** Which process of the flow this is. */
export interface ProcessPlace {
  /** From 0. */
  readonly process: number
  readonly count: number
}

export interface ClusterCrewOptions {
  readonly flow: FlowModule
  readonly flowId: string
  readonly hash: string
  readonly version: string
  readonly settings: Settings
  readonly place: ProcessPlace
  readonly nats: NatsOptions
  /** The connection for control; closed by whoever opened it. */
  readonly messaging: Messaging
  /** Threads that have been started already; the crew ends them. */
  readonly pool: ThreadPool
  readonly incarnation: string
  /** How long a missing process is waited for before the others go on without: milliseconds. */
  readonly takeOverAfter: number
  readonly host: CrewHost
}

/**
 * The workers of one process of a flow that runs in several: one execution after the other, until
 * one ends well.
 *
 * C1. A failed execution is followed by another that resumes from the last committed epoch, where
 *     snapshots are kept and the flow itself is not at fault.
 * C2. Whoever comes back to a run that has ended goes at once.
 */
export class ClusterCrew implements Crew {
  readonly #options: ClusterCrewOptions
  readonly #runtime: Runtime
  readonly #council: Council
  readonly #estate: Estate | null
  #execution: ProcessExecution | null = null
  #last: readonly Progress[] = []
  #stop: { readonly drain: boolean } | null = null
  #committed = 0
  readonly #failures = new Failures()

  constructor(options: ClusterCrewOptions) {
    this.#options = options
    this.#runtime = options.settings.runtime
    const { flowId, hash, version, place, messaging, incarnation, host } = options
    this.#estate = this.#makeEstate()
    this.#council = new Council({
      flowId,
      hash,
      version,
      place,
      messaging,
      incarnation,
      workers: options.settings.workers,
      runtime: this.#runtime,
      startWait: options.takeOverAfter,
      estate: this.#estate,
      report: (level, message) => host.report(level, message),
      changed: (hello) => this.#onHello(hello),
      superseded: (plan) => this.#onPlan(plan),
      stands: (at) => this.#execution?.stand(at),
    })
  }

  async run(): Promise<readonly WorkerSummary[]> {
    try {
      return await this.#run()
    } finally {
      await this.#options.pool.close()
    }
  }

  async #run(): Promise<readonly WorkerSummary[]> {
    const { host, messaging, flowId } = this.#options
    const register = await messaging.register(`tm_${flowId}_ended`, ENDED_TTL)
    const settings = await this.#prepare()
    const note = this.#noteOf(settings)
    const left = (await note?.read()) ?? NEW
    if (left.run !== null && (await register.get(left.run)) !== null) {
      host.report('info', 'the run that this process belonged to has ended while it was away')
      await note?.write({ ...left, run: null })
      return [NOTHING]
    }
    const stores = await storesOf(settings)
    const transport = messagingTransport(messaging, this.#runtime)
    const watch = tellOfOutages(messaging, {
      runtime: this.#runtime,
      report: (level, message) => host.report(level, message),
    })
    try {
      await this.#council.join({ stores, ...left })
      return await this.#executions(settings, { transport, register, note })
    } finally {
      await this.#council.leave()
      transport.close()
      watch.end()
    }
  }

  stop(drain: boolean): void {
    this.#stop ??= { drain }
    this.#execution?.stop(drain)
    this.#council.stop()
  }

  async query(stepId: string, key: string): Promise<unknown> {
    return this.#execution?.query(stepId, key)
  }

  /** Of the workers in this process. */
  get progress(): readonly Progress[] {
    return this.#execution?.progress ?? this.#last
  }

  async observe(): Promise<readonly WorkerFacts[]> {
    return (await this.#execution?.observe()) ?? []
  }

  async ask(question: ThreadQuestion): Promise<ReadonlyMap<number, unknown>> {
    return (await this.#execution?.ask(question)) ?? new Map()
  }

  async #executions(
    settings: ThreadSettings,
    ends: {
      readonly transport: ReturnType<typeof messagingTransport>
      readonly register: Register
      readonly note: RunNote | null
    },
  ): Promise<readonly WorkerSummary[]> {
    for (;;) {
      const plan = await this.#council.nextPlan()
      if (plan === null) return [STOPPED]
      await ends.note?.write({ run: plan.run, last: plan })
      try {
        const summaries = await this.#execute(plan, settings, ends.transport)
        this.#council.onDone(plan.execution)
        await this.#settle(plan, ends)
        return summaries
      } catch (error) {
        await this.#afterFailure(error, settings.recovery !== null)
        this.#council.onFailed()
      }
    }
  }

  async #execute(
    plan: Plan,
    settings: ThreadSettings,
    transport: ReturnType<typeof messagingTransport>,
  ): Promise<readonly WorkerSummary[]> {
    const { flow, flowId, nats, place, pool, host } = this.#options
    const workers = plan.members.reduce((sum, member) => sum + member.workers, 0)
    host.report(
      'info',
      `process ${place.process} takes part in formation ${plan.execution}: ${workers} workers in ${plan.members.length} of ${place.count} processes`,
    )
    let underWay = false
    const execution = new ProcessExecution({
      plan,
      process: place.process,
      count: place.count,
      flow,
      flowId,
      settings,
      pool,
      nats,
      transport,
      runtime: this.#runtime,
      silent: (process) => {
        const member = plan.members.find((each) => each.process === process)
        if (member !== undefined) this.#council.onGone(member.incarnation)
      },
      host: {
        report: (level, message, fields) => host.report(level, message, fields),
        committed: (epoch) => {
          if (!underWay) host.report('info', `formation ${plan.execution} is under way`)
          underWay = true
          host.committed(epoch)
        },
      },
    })
    this.#execution = execution
    try {
      const run = execution.run()
      if (this.#stop !== null) execution.stop(this.#stop.drain)
      return await run
    } finally {
      this.#last = execution.progress
      // Only one process is told of each commit, but all of them give up where nothing comes of it.
      this.#committed = Math.max(this.#committed, ...this.#last.map(({ committed }) => committed))
      this.#execution = null
    }
  }

  /** Throws where there is no going on; else waits a little, longer each time in vain. */
  async #afterFailure(error: unknown, durable: boolean): Promise<void> {
    if (!(error instanceof ExecutionFailure)) throw error
    const cause = error.cause as Error
    // One whose partitions were taken over is refused by the archive; it gives them up and goes on.
    const fatal = error.fatal && !(cause instanceof RecoveryError && (await this.#estate?.isLost()))
    if (fatal || this.#stop !== null) throw cause
    if (!durable) {
      throw new ClusterError(
        `${cause.message} Nothing can be resumed, since no snapshots are kept: give a recovery directory.`,
        { cause },
      )
    }
    const wait = this.#failures.waitAfter(cause, this.#committed)
    this.#options.host.report('warn', `the execution failed, the flow resumes: ${cause.message}`)
    if (wait === 0) return
    await new Promise<void>((resolve) => {
      this.#runtime.after(wait, resolve)
    })
  }

  /** What another process says of itself may tell how the execution stands that both work in. */
  #onHello(hello: Hello): void {
    const execution = this.#execution
    if (execution === null) return
    const { plan } = execution
    const member = plan.members.find(({ process }) => process === hello.process)
    if (member === undefined) {
      if (this.#council.wantsIn(hello)) {
        execution.fail(
          new ClusterError(`Process ${hello.process} is there again and takes part from now on.`),
        )
      }
      return
    }
    if (hello.done === plan.execution) execution.succeed()
    else if (hello.incarnation !== member.incarnation) {
      execution.fail(new ClusterError(`Process ${hello.process} was started anew.`), hello.process)
    } else if (hello.seen >= plan.execution && hello.busy !== plan.execution) {
      execution.fail(new ClusterError(`Process ${hello.process} is in this formation no more.`))
    }
  }

  #onPlan(plan: Plan): void {
    this.#execution?.fail(
      new ClusterError(`Formation ${plan.execution} took the place of this one.`),
    )
  }

  /** One process at a time, since several may name the same directory and it may have to be made. */
  async #prepare(): Promise<ThreadSettings> {
    const { settings, host, incarnation } = this.#options
    if (settings.recovery === null) return threadSettings(settings, host)
    const owner = `process-${this.#options.place.process}`
    const register = await this.#council.register()
    while ((await register.create('making', incarnation)) === null) {
      await new Promise<void>((resolve) => {
        this.#runtime.after(100, resolve)
      })
    }
    try {
      return await threadSettings(settings, host, owner)
    } finally {
      await register.delete('making')
    }
  }

  #makeEstate(): Estate | null {
    const { recovery } = this.#options.settings
    if (recovery === null || !isDirectory(recovery) || recovery.archive === undefined) return null
    return archivedEstate(recovery.dir, {
      archive: recovery.archive,
      after: this.#options.takeOverAfter,
      stores: async () => (await storesOf(await this.#prepare())) ?? [],
    })
  }

  #noteOf({ recovery }: ThreadSettings): RunNote | null {
    return recovery === null ? null : new RunNote(recovery.dir, this.#options.place.process)
  }

  /** Whoever was away learns of the end when it comes back (C2). */
  async #settle(
    plan: Plan,
    { register, note }: { readonly register: Register; readonly note: RunNote | null },
  ): Promise<void> {
    if (note === null) return
    try {
      await register.put(plan.run, 'ended')
    } catch (error) {
      this.#options.host.report('warn', 'the end of the run could not be noted in NATS', {
        err: error,
      })
    }
    await note.write({ run: null, last: plan })
  }
}

const NEW: Left = { run: null, last: null }
const NOTHING: WorkerSummary = { reason: 'eof', epoch: 0, itemsIn: 0, itemsOut: 0, skipped: 0 }
const STOPPED: WorkerSummary = { ...NOTHING, reason: 'stopped' }

const storesOf = async ({ recovery }: ThreadSettings): Promise<readonly string[] | null> => {
  if (recovery === null) return null
  const { partitions } = await findStore(recovery.dir)
  const own = new Set(partitions.map(({ identity }) => identity.store))
  return [...own, ...(await takenStores(recovery.dir))]
}
