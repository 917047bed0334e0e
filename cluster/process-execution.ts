import { decodeParcel, encodeParcel } from '../lib/codec/msgpack.ts'
import { ClusterError } from '../lib/errors/errors.ts'
import { type PortableError, portError, unportError } from '../lib/errors/portable.ts'
import { hashKey, ownerOfHash } from '../lib/exchange/hash.ts'
import type { CrewHost, Progress, ThreadQuestion, ThreadSettings } from '../lib/run/crew.ts'
import type { NatsOptions } from '../lib/run/nats-options.ts'
import { LeaseTerm } from '../lib/run/shared-lease.ts'
import { ThreadGroup } from '../lib/run/thread-group.ts'
import type { ThreadPool } from '../lib/run/thread-pool.ts'
import type { FlowModule } from '../lib/run/thread-protocol.ts'
import type { Runtime, Timer } from '../lib/runtime/runtime.ts'
import type { WorkerSummary } from '../lib/worker/worker.ts'
import type { WorkerFacts } from '../lib/worker/worker-facts.ts'
import type { Plan } from './control.ts'
import { firstWorkers, shareOfWorker } from './formation.ts'
import { type LinkFacts, type LinkWires, linkWires } from './link-wires.ts'
import type { Transport } from './transport.ts'

/** Milliseconds without a sign of life from a process after which it is lost. */
const SILENCE = 2000
/**
 * How long after a heartbeat that all others have heard the workers may act: milliseconds. Shorter
 * than the silence after which a process is lost, which begins with that heartbeat at the earliest.
 */
const LEASE = 1500
const LOOK = 1000
/** Looks without a word from a worker after which it is reported, and after which it is lost. */
const BUSY_LOOKS = 5
const LOST_LOOKS = 60
/** How long threads may take to close, and words to get through: milliseconds. */
const CLOSING = 5000
const LINGER = 1000

/** What a worker thread of a cluster knows beside what every thread does. */
export interface FarStart {
  readonly nats: NatsOptions
  readonly facts: LinkFacts
  /** Numbers of the workers in other processes. */
  readonly others: readonly number[]
}

export interface ProcessExecutionOptions {
  readonly plan: Plan
  /** The number of this process. */
  readonly process: number
  /** How many processes the flow has, in this execution or not. */
  readonly count: number
  readonly flow: FlowModule
  readonly flowId: string
  readonly settings: ThreadSettings
  readonly pool: ThreadPool
  readonly nats: NatsOptions
  readonly transport: Transport
  readonly runtime: Runtime
  readonly host: CrewHost
  /** Told of a process that has not answered for too long. */
  readonly silent: (process: number) => void
}

/** How an execution that did not end well came to its end. */
export class ExecutionFailure extends Error {
  /** Whether the flow itself is at fault, so that to begin again would not help. */
  readonly fatal: boolean

  constructor(cause: Error, fatal: boolean) {
    super(cause.message, { cause })
    this.fatal = fatal
  }
}

/**
 * This process's part of one execution: its workers in threads, and a link to every other process,
 * over which they agree, fail and end together.
 *
 * X1. It ends well only when every worker of every process has.
 * X2. A worker that fails, or a process that is lost, ends it everywhere.
 * X3. Its workers act only while every other process is known not to have given this one up.
 */
export class ProcessExecution {
  readonly #options: ProcessExecutionOptions
  readonly #threads: ThreadGroup
  readonly #links: LinkWires
  readonly #term = new LeaseTerm()
  readonly #local: readonly number[]
  readonly #count: number
  readonly #topics = new Map<string, Map<number, unknown>>()
  readonly #ended = new Map<number, readonly WorkerSummary[]>()
  readonly #silent = new Map<number, number>()
  readonly #asked = new Map<number, (answer: readonly unknown[]) => void>()
  #queries = 0
  #look: Timer | null = null
  #settled = false
  #settle: (failure: ExecutionFailure | null) => void = () => {}

  constructor(options: ProcessExecutionOptions) {
    const { plan, process, flow, flowId, settings, pool, nats, transport, runtime, host } = options
    this.#options = options
    const { members } = plan
    const firsts = firstWorkers(members)
    const own = members.findIndex((member) => member.process === process)
    const first = firsts[own] ?? 0
    const workers = members[own]?.workers ?? 0
    this.#count = members.reduce((sum, member) => sum + member.workers, 0)
    this.#local = Array.from({ length: workers }, (_, at) => first + at)
    const facts = {
      flowId,
      execution: plan.execution,
      token: Uint8Array.from(Buffer.from(plan.token, 'hex')),
    }
    const extra: FarStart = {
      nats,
      facts,
      others: Array.from({ length: this.#count }, (_, at) => at).filter(
        (at) => !this.#local.includes(at),
      ),
    }
    this.#threads = new ThreadGroup(
      {
        flow,
        settings,
        count: this.#count,
        local: this.#local,
        shareOf: (worker) => shareOfWorker(members, worker),
        extra,
        seed: plan.token,
        lease: this.#term.memory,
      },
      pool,
      {
        report: (level, message, fields) =>
          host.report(level, message, { flow: flowId, ...fields }),
        committed: (epoch) => host.committed(epoch),
        gather: (from, topic, value) => {
          this.#tellAll(['gather', topic, from, value])
          this.#gather(topic, from, value)
        },
      },
    )
    this.#links = linkWires(transport, facts, {
      prefix: 'p',
      own: process,
      others: members.map((member) => member.process).filter((each) => each !== process),
      runtime,
      silence: SILENCE,
      lost: (other) => {
        options.silent(other)
        this.fail(new ClusterError(`Process ${other} of the flow has not answered for 2 s.`))
      },
      echoed: () => this.#renew(),
    })
    for (const [other, link] of this.#links.links) {
      link.onFrame((frame) => this.#hear(other, frame))
    }
    this.#renew()
  }

  get plan(): Plan {
    return this.#options.plan
  }

  /** Resolves with what all workers of all processes have done; rejects with an ExecutionFailure. */
  async run(): Promise<readonly WorkerSummary[]> {
    const { runtime, process } = this.#options
    const outcome = new Promise<ExecutionFailure | null>((resolve) => {
      this.#settle = resolve
    })
    const runs = this.#threads.start().map((run) =>
      run.catch((error: unknown) => {
        this.#failLocally(error)
        return null
      }),
    )
    const closed = Promise.all(runs).then((summaries) => {
      if (!summaries.every((summary) => summary !== null)) return
      this.#tellAll(['ended', summaries])
      this.#end(process, summaries)
    })
    this.#watchThreads()
    const failure = await outcome
    if (failure !== null) await Promise.race([closed, pause(runtime, CLOSING)])
    this.#look?.cancel()
    await this.#threads.release()
    await this.#linger()
    this.#links.close()
    for (const answer of this.#asked.values()) answer([])
    if (failure !== null) throw failure
    return [...this.#ended.values()].flat()
  }

  stop(drain: boolean): void {
    this.#threads.stop(drain)
  }

  /**
   * Ends the execution here and everywhere; the flow goes on with another one.
   *
   * @param gone - the process that is known to hear nothing any more
   */
  fail(error: Error, gone?: number): void {
    if (gone !== undefined) this.#links.links.get(gone)?.close()
    this.#fail(new ExecutionFailure(error, false))
  }

  /** Another process has seen every worker end: so has this one, whatever it has not heard of. */
  succeed(): void {
    if (this.#ended.has(this.#options.process)) this.#settleOnce(null)
  }

  async query(stepId: string, key: string): Promise<unknown> {
    const worker = ownerOfHash(hashKey(key), this.#count)
    if (this.#local.includes(worker)) return this.#threads.query(worker, stepId, key)
    const firsts = firstWorkers(this.plan.members)
    const at = firsts.findLastIndex((first) => first <= worker)
    const link = this.#links.links.get(this.plan.members[at]?.process ?? -1)
    if (link === undefined) return undefined
    this.#queries += 1
    const id = this.#queries
    const [state, error] = await new Promise<readonly unknown[]>((resolve) => {
      this.#asked.set(id, resolve)
      link.send(encodeParcel(['query', id, worker, stepId, key]))
    })
    if (typeof error === 'object' && error !== null) throw unportError(error as PortableError)
    return state
  }

  get progress(): readonly Progress[] {
    return this.#threads.progress
  }

  observe(): Promise<readonly WorkerFacts[]> {
    return this.#threads.observe()
  }

  ask(question: ThreadQuestion): Promise<ReadonlyMap<number, unknown>> {
    return this.#threads.ask(question)
  }

  /** At `at` nobody else had begun an execution without this process, which is alone in this one. */
  stand(at: number): void {
    if (this.#settled || this.#links.links.size > 0) return
    this.#term.runFor(at + LEASE - this.#options.runtime.monotonic())
  }

  /** All others have heard of this process not long ago: its workers may act (X3). */
  #renew(): void {
    if (this.#settled) return
    const { runtime, count } = this.#options
    // Who is alone, but need not stay so, is told by the council: see `stand`.
    if (this.#links.links.size === 0 && count > 1) return
    let heard = Number.POSITIVE_INFINITY
    for (const { echo } of this.#links.links.values()) {
      if (echo === 0) return
      heard = Math.min(heard, echo)
    }
    this.#term.runFor(
      heard === Number.POSITIVE_INFINITY ? ALONE : heard + LEASE - runtime.monotonic(),
    )
  }

  #failLocally(error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error))
    this.#fail(new ExecutionFailure(cause, !isPassing(cause)))
  }

  #fail(failure: ExecutionFailure): void {
    if (this.#settled) return
    this.#tellAll(['failed', portError(failure.cause), failure.fatal])
    this.#abandon(failure)
  }

  #abandon(failure: ExecutionFailure): void {
    const { plan, host } = this.#options
    this.#term.runFor(-1)
    const { flowId: flow } = this.#options
    host.report('info', `formation ${plan.execution} ends: ${failure.message}`, { flow })
    this.#threads.crash(failure.cause)
    this.#settleOnce(failure)
  }

  #settleOnce(failure: ExecutionFailure | null): void {
    if (this.#settled) return
    this.#settled = true
    this.#settle(failure)
  }

  #tellAll(message: readonly unknown[]): void {
    if (this.#links.links.size === 0) return
    const frame = encodeParcel(message)
    for (const link of this.#links.links.values()) link.send(frame)
  }

  #hear(other: number, frame: Uint8Array): void {
    const message = decodeParcel(frame)
    if (!Array.isArray(message)) return
    const [kind, a, b, c, d] = message as readonly unknown[]
    if (kind === 'gather' && typeof a === 'string' && typeof b === 'number') this.#gather(a, b, c)
    else if (kind === 'ended' && Array.isArray(a)) this.#end(other, a as WorkerSummary[])
    else if (kind === 'failed') this.#hearFailure(a as PortableError, b === true)
    else if (kind === 'query' && typeof a === 'number') {
      void this.#answer(other, a, [b, c, d])
    } else if (kind === 'answer' && typeof a === 'number') {
      this.#asked.get(a)?.([b, c])
      this.#asked.delete(a)
    }
  }

  #hearFailure(error: PortableError, fatal: boolean): void {
    if (this.#settled) return
    this.#abandon(new ExecutionFailure(unportError(error), fatal))
  }

  async #answer(to: number, id: number, [worker, stepId, key]: readonly unknown[]): Promise<void> {
    const link = this.#links.links.get(to)
    try {
      const state = await this.#threads.query(Number(worker), String(stepId), String(key))
      link?.send(encodeParcel(['answer', id, state, null]))
    } catch (error) {
      link?.send(encodeParcel(['answer', id, null, portError(error)]))
    }
  }

  #gather(topic: string, from: number, value: unknown): void {
    const known = this.#topics.get(topic) ?? new Map<number, unknown>()
    this.#topics.set(topic, known)
    known.set(from, value)
    if (known.size < this.#count) return
    const values = Array.from({ length: this.#count }, (_, worker) => known.get(worker))
    this.#topics.delete(topic)
    this.#threads.gathered(topic, values)
  }

  #end(process: number, summaries: readonly WorkerSummary[]): void {
    this.#ended.set(process, summaries)
    if (this.#ended.size === this.plan.members.length) this.#settleOnce(null)
  }

  /** A thread that says nothing is busy with user code; it is not given up before long. */
  #watchThreads(): void {
    this.#look = this.#options.runtime.after(LOOK, () => {
      const silent = this.#threads.takeSilent()
      for (const worker of this.#local) {
        const looks = silent.includes(worker) ? (this.#silent.get(worker) ?? 0) + 1 : 0
        this.#silent.set(worker, looks)
        if (looks !== BUSY_LOOKS && looks !== LOST_LOOKS) continue
        const said = `worker ${worker} has not answered for ${looks} s: its thread is busy ${this.#threads.whereabouts(worker)}`
        if (looks === BUSY_LOOKS) this.#options.host.report('warn', said)
        else this.fail(new ClusterError(`The flow ends: ${said}.`))
      }
      if (!this.#settled) this.#watchThreads()
    })
  }

  /** Waits for what was said to have got through, to whoever has been heard lately. */
  async #linger(): Promise<void> {
    const { runtime } = this.#options
    const until = runtime.monotonic() + LINGER
    const pending = (): boolean =>
      [...this.#links.links.values()].some(
        (link) => !link.closed && link.pending > 0 && runtime.monotonic() - link.echo < LEASE,
      )
    while (pending() && runtime.monotonic() < until) await pause(runtime, 20)
  }
}

/** The only process that the flow has; nobody can give it up: milliseconds. */
const ALONE = 365 * 24 * 3600 * 1000

/** What goes away with another execution: a lost process, a thread that died, a lock still held. */
const isPassing = (error: Error): boolean => {
  const code = 'code' in error ? error.code : null
  return (
    code === 'TIDEMARK_CLUSTER' ||
    code === 'TIDEMARK_RECOVERY_LOCKED_PARTITION' ||
    code === 'ERR_WORKER_OUT_OF_MEMORY'
  )
}

const pause = (runtime: Runtime, time: number): Promise<void> =>
  new Promise((resolve) => {
    runtime.after(time, resolve)
  })
