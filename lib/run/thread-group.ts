import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { ClusterError } from '../errors/errors.ts'
import { portError, unportError } from '../errors/portable.ts'
import type { StoreShare } from '../recovery/recovery-store.ts'
import { systemRuntime } from '../runtime/system.ts'
import { Whereabouts, whereaboutText } from '../worker/whereabouts.ts'
import type { WorkerSummary } from '../worker/worker.ts'
import type { WorkerFacts } from '../worker/worker-facts.ts'
import type { CrewHost, Progress, ThreadQuestion, ThreadSettings } from './crew.ts'
import type { PooledThread, ThreadPool } from './thread-pool.ts'
import type { FlowModule, FromThread, ThreadStart, ToThread } from './thread-protocol.ts'

const NONE: Progress = { epoch: 0, committed: 0, itemsIn: 0, itemsOut: 0, skipped: 0 }

const UNSEEN: Pick<Member, 'progress' | 'heard' | 'facts' | 'observed' | 'actors'> = {
  progress: NONE,
  actors: [],
  heard: true,
  facts: null,
  observed: () => {},
}

/** A worker thread and what is known of it. */
interface Member {
  readonly index: number
  readonly pooled: PooledThread
  /** What is said to the worker, and by it. */
  readonly line: MessagePort
  /** Whether the worker has closed everything, so that its thread can be another one. */
  closed: boolean
  /** Ends what listens to the thread. */
  readonly deaf: () => void
  progress: Progress
  heard: boolean
  facts: WorkerFacts | null
  readonly whereabouts: Whereabouts
  /** What its actors do; none before they are there. */
  actors: readonly string[]
  /** Told when the facts that were asked for have come. */
  observed: () => void
}

type Answer = FromThread & { readonly kind: 'answer' }

/** How long a thread may take to say how it stands before what it said last has to do: milliseconds. */
const OBSERVING = 1000

/** The workers of an execution that this process runs, each in a thread. */
export interface ThreadPlan {
  readonly flow: FlowModule
  readonly settings: ThreadSettings
  /** Workers of the execution, in all processes. */
  readonly count: number
  /** Those of them that are here. */
  readonly local: readonly number[]
  readonly shareOf: (worker: number) => StoreShare
  /** What the thread's own code needs to know; plain data. */
  readonly extra: unknown
  /** Tells the execution's traces from those of any other. */
  readonly seed: string
  /** Until when they may act; `null` where nobody can give them up. */
  readonly lease: SharedArrayBuffer | null
}

export interface ThreadHost extends CrewHost {
  /** A worker gives its part of an agreement. */
  gather(from: number, topic: string, value: unknown): void
}

/** Worker threads of one process, in one execution. */
export class ThreadGroup {
  readonly #plan: ThreadPlan
  readonly #pool: ThreadPool
  readonly #host: ThreadHost
  readonly #answers = new Map<number, (message: Answer) => void>()
  #members: Member[] = []
  #asked = 0

  constructor(plan: ThreadPlan, pool: ThreadPool, host: ThreadHost) {
    this.#plan = plan
    this.#pool = pool
    this.#host = host
  }

  /** Starts the workers; each promise resolves with what one has done, or rejects when it fails or dies. */
  start(): readonly Promise<WorkerSummary>[] {
    const { count, local, flow, settings, shareOf, extra, seed, lease } = this.#plan
    const ports = mesh(count, local)
    return local.map((index, at) =>
      this.#begin({
        flow,
        index,
        count,
        ports: ports[at] as (MessagePort | null)[],
        settings,
        share: shareOf(index),
        extra,
        seed,
        lease,
      }),
    )
  }

  gathered(topic: string, values: readonly unknown[]): void {
    for (const member of this.#members) send(member, { kind: 'gathered', topic, values })
  }

  /** Any worker can ask for the stop of all. */
  stop(drain: boolean): void {
    const [first] = this.#members
    if (first !== undefined) send(first, { kind: 'stop', drain })
  }

  crash(error: unknown): void {
    for (const member of this.#members) send(member, { kind: 'crash', error: portError(error) })
  }

  async query(worker: number, stepId: string, key: string): Promise<unknown> {
    const member = this.#members.find(({ index }) => index === worker)
    if (member === undefined) return undefined
    this.#asked += 1
    const id = this.#asked
    const answer = await new Promise<Answer>((resolve) => {
      this.#answers.set(id, resolve)
      send(member, { kind: 'query', id, stepId, key })
    })
    if (answer.error !== null) throw unportError(answer.error)
    return answer.state
  }

  get progress(): readonly Progress[] {
    return this.#members.map(({ progress }) => progress)
  }

  /** The workers as they are now; a busy thread, or one that has ended, as it was last. */
  async observe(): Promise<readonly WorkerFacts[]> {
    await Promise.all(this.#members.map(observe))
    return this.#members.map(({ facts }) => facts).filter((facts) => facts !== null)
  }

  /** What the threads say that are not busy, by worker. */
  async ask(question: ThreadQuestion): Promise<ReadonlyMap<number, unknown>> {
    const answers = new Map<number, unknown>()
    await Promise.all(
      this.#members.map(async (member) => {
        if (member.closed) return
        const answer = await this.#askOne(member, question)
        if (answer?.error === null) answers.set(member.index, answer.state)
      }),
    )
    return answers
  }

  #askOne(member: Member, question: ThreadQuestion): Promise<Answer | null> {
    this.#asked += 1
    const id = this.#asked
    return new Promise((resolve) => {
      const late = systemRuntime.after(OBSERVING, () => {
        this.#answers.delete(id)
        resolve(null)
      })
      this.#answers.set(id, (answer) => {
        late.cancel()
        resolve(answer)
      })
      send(member, { kind: 'ask', id, question })
    })
  }

  /** Workers that have said nothing since this was asked last: their threads are busy. */
  takeSilent(): readonly number[] {
    const silent = this.#members.filter(({ heard }) => !heard).map(({ index }) => index)
    for (const member of this.#members) member.heard = false
    return silent
  }

  /** What a worker is at that says nothing, in a few words. */
  whereabouts(worker: number): string {
    const member = this.#members.find(({ index }) => index === worker)
    return member === undefined ? '' : whereaboutText(member.whereabouts.read(), member.actors)
  }

  /** Ends the workers' part in the execution; threads that hang are ended with them. */
  async release(): Promise<void> {
    await Promise.all(
      this.#members.map(async (member) => {
        send(member, { kind: 'leave' })
        const { pooled, closed, deaf } = member
        deaf()
        if (closed && !pooled.dead) await this.#pool.give(pooled)
        else await pooled.thread.terminate()
      }),
    )
  }

  #begin(start: Omit<ThreadStart, 'line' | 'whereabouts'>): Promise<WorkerSummary> {
    const { port1, port2 } = new MessageChannel()
    const pooled = this.#pool.take()
    const { index } = start
    const ports = start.ports.filter((port) => port !== null)
    const whereabouts = new Whereabouts()
    const told: ThreadStart = { ...start, line: port2, whereabouts: whereabouts.memory }
    pooled.thread.postMessage(told, [port2, ...ports])
    return new Promise((resolve, reject) => {
      const onExit = (code: number): void => {
        reject(
          new ClusterError(`Worker ${index} ended with code ${code} before its work was done.`),
        )
      }
      const deaf = (): void => {
        pooled.thread.off('error', reject).off('exit', onExit)
      }
      const own = { index, pooled, line: port1, closed: false, deaf, whereabouts }
      const member: Member = { ...own, ...UNSEEN }
      this.#members.push(member)
      pooled.thread.on('error', reject).on('exit', onExit)
      port1.on('message', (message: FromThread) => {
        member.heard = true
        if (message.kind === 'ended' || message.kind === 'failed') member.closed = true
        if (message.kind === 'ended') resolve(message.summary)
        else if (message.kind === 'failed') reject(unportError(message.error))
        else this.#hear(index, member, message)
      })
    })
  }

  #hear(from: number, member: Member, message: FromThread): void {
    switch (message.kind) {
      case 'gather':
        this.#host.gather(from, message.topic, message.value)
        return
      case 'report':
        this.#host.report(message.level, message.message, {
          ...message.fields,
          ...(message.error === null ? {} : { err: unportError(message.error) }),
        })
        return
      case 'committed':
        this.#host.committed(message.epoch)
        return
      case 'assembled':
        member.actors = message.actors
        return
      case 'progress':
        member.progress = message.progress
        return
      case 'facts':
        member.facts = message.facts
        member.observed()
        return
      case 'answer':
        this.#answers.get(message.id)?.(message)
        this.#answers.delete(message.id)
        return
      case 'ended':
      case 'failed':
        return
    }
  }
}

const observe = (member: Member): Promise<void> =>
  new Promise((resolve) => {
    const late = systemRuntime.after(OBSERVING, resolve)
    member.observed = () => {
      late.cancel()
      resolve()
    }
    send(member, { kind: 'observe' })
  })

const send = ({ line }: Member, message: ToThread): void => line.postMessage(message)

/** A port from each worker that is here to each other one. */
const mesh = (count: number, local: readonly number[]): (MessagePort | null)[][] => {
  const ports: (MessagePort | null)[][] = local.map(() => Array(count).fill(null))
  for (let a = 0; a < local.length; a++) {
    for (let b = a + 1; b < local.length; b++) {
      const { port1, port2 } = new MessageChannel()
      ;(ports[a] as MessagePort[])[local[b] as number] = port1
      ;(ports[b] as MessagePort[])[local[a] as number] = port2
    }
  }
  return ports
}
