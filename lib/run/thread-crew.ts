import { MessageChannel, type MessagePort, Worker as Thread } from 'node:worker_threads'
import { BuildError, ClusterError } from '../errors/errors.ts'
import { portError, unportError } from '../errors/portable.ts'
import { hashKey, ownerOfHash } from '../exchange/hash.ts'
import { RecoveryStore } from '../recovery/recovery-store.ts'
import { durationMillis } from '../time/time.ts'
import type { WorkerSummary } from '../worker/worker.ts'
import type { Crew, CrewHost, Progress, ThreadSettings } from './crew.ts'
import { isDirectory } from './local-crew.ts'
import type { Settings } from './options.ts'
import type { FlowModule, FromThread, ThreadStart, ToThread } from './thread-protocol.ts'

const NONE: Progress = { epoch: 0, committed: 0, itemsIn: 0, itemsOut: 0, skipped: 0 }

/** A worker thread and what is known of it. */
interface Member {
  readonly thread: Thread
  progress: Progress
}

/** Workers in threads of their own, each of which loads the flow's module. */
export class ThreadCrew implements Crew {
  readonly #flow: FlowModule
  readonly #settings: Settings
  readonly #host: CrewHost
  readonly #topics = new Map<string, unknown[]>()
  readonly #answers = new Map<number, (message: FromThread & { kind: 'answer' }) => void>()
  #members: Member[] = []
  #asked = 0
  #stop: { readonly drain: boolean } | null = null

  constructor(flow: FlowModule, settings: Settings, host: CrewHost) {
    this.#flow = flow
    this.#settings = settings
    this.#host = host
  }

  async run(): Promise<readonly WorkerSummary[]> {
    const settings = await this.#threadSettings()
    const { workers: count } = this.#settings
    const ports = mesh(count)
    const runs = ports.map((own, index) =>
      this.#spawn({
        ...codeFor(this.#flow.module),
        flow: this.#flow,
        index,
        count,
        ports: own,
        settings,
      }),
    )
    if (this.#stop !== null) this.#send(0, { kind: 'stop', drain: this.#stop.drain })
    const ends = await Promise.allSettled(
      runs.map((run) =>
        run.catch((error: unknown) => {
          for (const at of this.#members.keys())
            this.#send(at, { kind: 'crash', error: portError(error) })
          throw error
        }),
      ),
    )
    await Promise.all(this.#members.map(({ thread }) => thread.terminate()))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return ends.map((end) => (end as PromiseFulfilledResult<WorkerSummary>).value)
  }

  stop(drain: boolean): void {
    this.#stop ??= { drain }
    if (this.#members.length > 0) this.#send(0, { kind: 'stop', drain })
  }

  async query(stepId: string, key: string): Promise<unknown> {
    if (this.#members.length === 0) return undefined
    const owner = ownerOfHash(hashKey(key), this.#members.length)
    this.#asked += 1
    const id = this.#asked
    const answer = await new Promise<FromThread & { kind: 'answer' }>((resolve) => {
      this.#answers.set(id, resolve)
      this.#send(owner, { kind: 'query', id, stepId, key })
    })
    if (answer.error !== null) throw unportError(answer.error)
    return answer.state
  }

  get progress(): readonly Progress[] {
    return this.#members.map(({ progress }) => progress)
  }

  async #threadSettings(): Promise<ThreadSettings> {
    const { epochInterval, onError, recovery } = this.#settings
    if (typeof onError === 'object' && 'deadLetter' in onError) {
      throw new BuildError(
        "A dead-letter sink can't be handed to threads; give it to steps with withPolicy in the flow's module.",
      )
    }
    const policy =
      typeof onError === 'object'
        ? {
            retry: {
              attempts: onError.retry.attempts,
              backoff: durationMillis(onError.retry.backoff),
            },
          }
        : onError
    if (recovery === null) return { epochInterval, onError: policy, recovery: null }
    const store = isDirectory(recovery)
      ? await RecoveryStore.openOrInit(recovery, (message) => this.#host.report('info', message))
      : recovery
    if (!(store instanceof RecoveryStore)) {
      throw new BuildError(
        'Workers in threads need a RecoveryStore or { dir } for recovery: each opens its own share.',
      )
    }
    const { dir, backupInterval } = store
    return { epochInterval, onError: policy, recovery: { dir, backupInterval } }
  }

  /** Starts a thread; resolves with what it has done, and rejects when it fails or dies. */
  #spawn(start: ThreadStart): Promise<WorkerSummary> {
    const thread = new Thread(BOOT, {
      eval: true,
      workerData: start,
      transferList: start.ports.filter((port) => port !== null),
    })
    const member: Member = { thread, progress: NONE }
    this.#members.push(member)
    return new Promise((resolve, reject) => {
      thread.on('message', (message: FromThread) => {
        if (message.kind === 'ended') resolve(message.summary)
        else if (message.kind === 'failed') reject(unportError(message.error))
        else this.#hear(start.index, member, message)
      })
      thread.on('error', reject)
      thread.on('exit', (code) => {
        reject(
          new ClusterError(
            `Worker ${start.index} ended with code ${code} before its work was done.`,
          ),
        )
      })
    })
  }

  #hear(from: number, member: Member, message: FromThread): void {
    switch (message.kind) {
      case 'gather':
        this.#gather(from, message.topic, message.value)
        return
      case 'report':
        this.#host.report(
          message.level,
          message.message,
          message.error === null ? undefined : unportError(message.error),
        )
        return
      case 'committed':
        this.#host.committed(message.epoch)
        return
      case 'progress':
        member.progress = message.progress
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

  #gather(from: number, topic: string, value: unknown): void {
    const known = this.#topics.get(topic) ?? []
    this.#topics.set(topic, known)
    known[from] = { value }
    const { workers: count } = this.#settings
    if (Object.keys(known).length < count) return
    this.#topics.delete(topic)
    const values = known.map((each) => (each as { value: unknown }).value)
    for (const at of this.#members.keys()) this.#send(at, { kind: 'gathered', topic, values })
  }

  #send(to: number, message: ToThread): void {
    this.#members[to]?.thread.postMessage(message)
  }
}

/** A port from each worker to each other. */
const mesh = (count: number): (MessagePort | null)[][] => {
  const ports: (MessagePort | null)[][] = Array.from({ length: count }, () =>
    Array(count).fill(null),
  )
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      const { port1, port2 } = new MessageChannel()
      ;(ports[a] as MessagePort[])[b] = port1
      ;(ports[b] as MessagePort[])[a] = port2
    }
  }
  return ports
}

/** Node 20 can't start a thread on a TypeScript file, so each starts on this and imports its code. */
const BOOT = `
const { workerData } = require('node:worker_threads')
const begin = async () => {
  if (workerData.loader !== null) (await import(workerData.loader)).register()
  await import(workerData.entry)
}
begin().catch((error) => { setImmediate(() => { throw error }) })
`

/** The thread's own code, and a loader where that or the flow's module is TypeScript. */
const codeFor = (module: string): { entry: string; loader: string | null } => {
  const source = import.meta.url.endsWith('.ts')
  const entry = new URL(source ? './thread-entry.ts' : './thread-entry.js', import.meta.url).href
  const typed = source || /\.[cm]?tsx?$/.test(new URL(module).pathname)
  return { entry, loader: typed ? import.meta.resolve('tsx/esm/api') : null }
}
