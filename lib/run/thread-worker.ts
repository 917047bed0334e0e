import { parentPort } from 'node:worker_threads'
import { BuildError } from '../errors/errors.ts'
import { portError, unportError } from '../errors/portable.ts'
import { FrameNetwork, type Wire } from '../exchange/frame-network.ts'
import { portWire } from '../exchange/port-wire.ts'
import { checkFlow } from '../flow/check.ts'
import type { Dataflow } from '../flow/dataflow.ts'
import type { RunAware } from '../flow/run-facts.ts'
import type { ArchivePlace } from '../recovery/archive.ts'
import { RecoveryStore } from '../recovery/recovery-store.ts'
import type { RecoveryPartition } from '../recovery/store.ts'
import type { LoopWatch } from '../runtime/loop-delay.ts'
import type { Timer } from '../runtime/runtime.ts'
import { systemRuntime } from '../runtime/system.ts'
import type { LogFields } from '../worker/log-fields.ts'
import type { Tracer, Tracing } from '../worker/tracer.ts'
import { Whereabouts } from '../worker/whereabouts.ts'
import { Worker, type WorkerSummary } from '../worker/worker.ts'
import type { ThreadQuestion, ThreadRecovery } from './crew.ts'
import { loadFlow, preloadModule } from './flow-module.ts'
import { causeOf, outsideOf } from './local-crew.ts'
import { LeaseTerm, SharedLease } from './shared-lease.ts'
import type { FromThread, ThreadStart, ToThread } from './thread-protocol.ts'

/** How often a thread says where it stands: milliseconds. */
const PROGRESS_EVERY = 250

/** Wires to workers outside of this process, by worker. */
export interface FarWires {
  readonly wires: ReadonlyMap<number, Wire>
  close(): void
}

/** How a worker reaches those of other processes. */
export type JoinFar = (start: ThreadStart, fail: (error: unknown) => void) => Promise<FarWires>

export const NO_WIRES: FarWires = { wires: new Map(), close: () => {} }

/**
 * One worker in a thread of its own: it loads the flow's module itself, since closures cannot
 * travel, and talks to the other workers over ports and to the main thread over its parent's.
 */
class ThreadWorker {
  readonly #start: ThreadStart
  readonly #joinFar: JoinFar
  readonly #lease: SharedLease | null
  readonly #gathering = new Map<string, (values: readonly unknown[]) => void>()
  #outside: readonly RunAware[] = []
  #partitions: readonly RecoveryPartition[] = []
  #worker: Worker | null = null
  #far: FarWires = NO_WIRES
  #stop: boolean | null = null
  #crash: { readonly error: unknown } | null = null
  #progress: Timer | null = null
  #loop: LoopWatch | null = null
  #tracing: Tracing | null = null

  constructor(start: ThreadStart, joinFar: JoinFar) {
    this.#start = start
    this.#joinFar = joinFar
    this.#lease = start.lease === null ? null : new SharedLease(new LeaseTerm(start.lease))
    start.line.on('message', (message: ToThread) => this.#hear(message))
  }

  async run(): Promise<void> {
    try {
      const summary = await this.#work()
      await this.#close(null)
      this.#tell({ kind: 'ended', summary })
    } catch (error) {
      await this.#close(error)
      this.#tell({ kind: 'failed', error: portError(error) })
    }
  }

  #tell(message: FromThread): void {
    this.#start.line.postMessage(message)
  }

  #hear(message: ToThread): void {
    switch (message.kind) {
      case 'gathered':
        this.#gathering.get(message.topic)?.(message.values)
        return
      case 'stop':
        this.#stop ??= message.drain
        this.#worker?.stop(message.drain)
        return
      case 'crash':
        this.#fail(unportError(message.error))
        return
      case 'leave':
        this.#leave()
        return
      case 'observe':
        void this.#observe()
        return
      case 'ask':
        void this.#say(message.id, message.question)
        return
      case 'query':
        this.#answer(message.id, message.stepId, message.key)
    }
  }

  async #work(): Promise<WorkerSummary> {
    const { flow: module, settings, index, ports } = this.#start
    const flow = await loadFlow(module)
    checkFlow(flow, settings.onError)
    const durable = settings.recovery !== null
    this.#outside = outsideOf(flow)
    for (const each of this.#outside) each.useRun?.({ runtime: systemRuntime, recovery: durable })
    const partitions = durable ? await this.#openShare() : null
    const fail = (error: unknown): void => this.#fail(error)
    this.#far = await this.#joinFar(this.#start, fail)
    const network = new FrameNetwork(
      ports.map((port, at) => (port === null ? (this.#far.wires.get(at) ?? null) : portWire(port))),
      { index, runtime: systemRuntime, fail },
    )
    const tracer = await this.#openTracer(flow)
    if (this.#crash !== null) throw this.#crash.error
    this.#worker = this.#makeWorker(flow, network, { partitions, tracer })
    if (this.#stop !== null) this.#worker.stop(this.#stop)
    this.#tellProgress(this.#worker)
    return this.#worker.run()
  }

  #makeWorker(
    flow: Dataflow,
    network: FrameNetwork,
    ends: {
      readonly partitions: readonly RecoveryPartition[] | null
      readonly tracer: Tracer | null
    },
  ): Worker {
    return new Worker({
      flow,
      runtime: systemRuntime,
      network,
      group: { gather: (topic, value) => this.#gather(topic, value) },
      epochInterval: this.#start.settings.epochInterval,
      onError: this.#start.settings.onError,
      recovery: ends.partitions,
      tracer: ends.tracer,
      allowRewind: this.#start.settings.recovery?.allowRewind ?? false,
      ...(this.#lease === null ? {} : { lease: this.#lease }),
      whereabouts: new Whereabouts(this.#start.whereabouts),
      assembled: (actors) => this.#tell({ kind: 'assembled', actors }),
      report: (level, message, fields) => this.#report(level, message, fields),
      committed: (epoch) => {
        if (network.index === 0) this.#tell({ kind: 'committed', epoch })
      },
    })
  }

  async #openShare(): Promise<readonly RecoveryPartition[]> {
    const { settings, share } = this.#start
    const lease = this.#lease
    if (settings.recovery === null) return []
    const { dir, backupInterval, archive } = settings.recovery
    const store = RecoveryStore.at(dir, {
      backupInterval,
      ...(archive === null ? {} : { archive: await openPlace(archive) }),
    })
    this.#partitions = await store.open(
      {
        runtime: systemRuntime,
        alarm: (message, cause) => this.#report('error', message, causeOf(cause)),
        fail: (error) => this.#fail(error),
        ...(lease === null ? {} : { leased: () => lease.leased() }),
      },
      share,
    )
    return this.#partitions
  }

  /** A thread sends its spans itself. */
  async #openTracer({ id: flow }: Dataflow): Promise<Tracer | null> {
    const { settings, index: worker, count: workers, seed } = this.#start
    if (settings.tracing === null) return null
    const { module, export: name, args } = settings.tracing
    const exports: Record<string, (...args: readonly unknown[]) => Tracing | Promise<Tracing>> =
      await import(module)
    this.#tracing = (await exports[name]?.(...args)) ?? null
    if (this.#tracing === null)
      throw new BuildError(`Module ${module} traces nothing by "${name}".`)
    return this.#tracing.open({ flow, worker, workers, seed })
  }

  #gather<T>(topic: string, value: T): Promise<readonly T[]> {
    return new Promise((resolve) => {
      this.#gathering.set(topic, (values) => resolve(values as readonly T[]))
      this.#tell({ kind: 'gather', topic, value })
    })
  }

  #answer(id: number, stepId: string, key: string): void {
    try {
      this.#tell({ kind: 'answer', id, state: this.#worker?.query(stepId, key), error: null })
    } catch (error) {
      // A state that cannot be copied, or a snapshot() that threw.
      this.#tell({ kind: 'answer', id, state: undefined, error: portError(error) })
    }
  }

  async #say(id: number, { module, export: name }: ThreadQuestion): Promise<void> {
    try {
      const exports: Record<string, () => unknown> = await import(module)
      this.#tell({ kind: 'answer', id, state: await exports[name]?.(), error: null })
    } catch (error) {
      this.#tell({ kind: 'answer', id, state: undefined, error: portError(error) })
    }
  }

  /** Watches the thread's own event loop from the first time on. */
  async #observe(): Promise<void> {
    const { LoopWatch } = await import('../runtime/loop-delay.ts')
    this.#loop ??= new LoopWatch()
    this.#tellFacts()
  }

  #tellFacts(): void {
    const facts = this.#worker?.observe() ?? null
    const loopDelay = this.#loop?.read() ?? null
    this.#tell({ kind: 'facts', facts: facts === null ? null : { ...facts, loopDelay } })
  }

  #report(level: 'info' | 'warn' | 'error', message: string, about: LogFields = {}): void {
    const { err, ...fields } = { worker: this.#start.index, ...about }
    const error = err === undefined ? null : portError(err)
    this.#tell({ kind: 'report', level, message, fields, error })
  }

  #tellProgress(worker: Worker): void {
    this.#tell({ kind: 'progress', progress: worker.progress })
    this.#progress = systemRuntime.after(PROGRESS_EVERY, () => this.#tellProgress(worker))
  }

  /** The execution has failed somewhere; a worker that is not yet there never begins. */
  #fail(error: unknown): void {
    this.#crash ??= { error }
    this.#lease?.end()
    this.#worker?.crash(error)
  }

  #leave(): void {
    this.#far.close()
    for (const port of this.#start.ports) port?.close()
    this.#start.line.close()
  }

  async #close(failure: unknown): Promise<void> {
    this.#progress?.cancel()
    if (failure !== null) this.#lease?.end()
    if (this.#loop !== null) this.#tellFacts()
    this.#loop?.stop()
    if (this.#worker !== null) this.#tell({ kind: 'progress', progress: this.#worker.progress })
    for (const each of this.#outside) each.endRun?.(failure)
    for (const partition of this.#partitions) {
      await partition.close().catch((error: unknown) => {
        this.#report('warn', 'a recovery partition could not be closed', { err: error })
      })
    }
    await this.#tracing?.shutdown()
  }
}

/** The archive as its own module makes it, which loads the driver it needs. */
const openPlace = async (
  archive: NonNullable<ThreadRecovery['archive']>,
): Promise<ArchivePlace> => {
  const { module, export: name, args } = archive.from
  const exports: Record<string, (...args: readonly unknown[]) => ArchivePlace> = await import(
    module
  )
  const place = exports[name]?.(...args)
  if (place === undefined) throw new BuildError(`Module ${module} makes no archive by "${name}".`)
  return { ...place, required: archive.required }
}

/** What a thread of workers does: it is one worker after the other, as it is told. */
export const runThread = (module: string, joinFar: JoinFar): void => {
  preloadModule(module)
  parentPort?.on('message', (start: ThreadStart) => void new ThreadWorker(start, joinFar).run())
}
