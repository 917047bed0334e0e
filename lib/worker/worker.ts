import type { Actor, Host } from '../actor/actor.ts'
import { AbortExecution } from '../errors/errors.ts'
import type { Control, Group, Network, Receiver } from '../exchange/network.ts'
import type { Dataflow } from '../flow/dataflow.ts'
import type { ErrorPolicy } from '../flow/policy.ts'
import type { RecoveryPartition } from '../recovery/store.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { DATA, type Signal } from '../signal/signal.ts'
import { actorTitle } from './actor-title.ts'
import { type Assembly, assemble } from './assembly.ts'
import { type Agreed, convene } from './convene.ts'
import { DeadLetters } from './dead-letters.ts'
import { KeyedBehavior } from './keyed-behavior.ts'
import { Latency } from './latency.ts'
import { LASTING, type Lease } from './lease.ts'
import { loadSnapshots } from './loader.ts'
import type { LogFields, Report } from './log-fields.ts'
import { Mishaps } from './mishaps.ts'
import { Pacer } from './pacer.ts'
import type { Ports, Watch } from './ports.ts'
import { checkRewind } from './rewind.ts'
import { SourceBehavior } from './source-behavior.ts'
import { Spans } from './spans.ts'
import type { Tracer } from './tracer.ts'
import { Turns } from './turns.ts'
import type { Whereabouts } from './whereabouts.ts'
import { factsOf, type Loaded, type WorkerFacts } from './worker-facts.ts'

/** Items a sender may send before it hears how many have been taken. */
const GRANT = 1024

export interface WorkerOptions {
  readonly flow: Dataflow
  readonly runtime: Runtime
  readonly network: Network
  readonly group: Group
  /** Milliseconds between epochs; 0 ends one after every turn. */
  readonly epochInterval: number
  readonly onError: ErrorPolicy
  /** This worker's recovery partitions; `null` where no snapshots are kept. */
  readonly recovery: readonly RecoveryPartition[] | null
  /** Go on even from an archive that may be behind what was committed. */
  readonly allowRewind?: boolean
  readonly report: Report
  /** Told of every epoch that has become durable everywhere. */
  readonly committed: (epoch: number) => void
  /** Where spans go. @defaultValue nowhere */
  readonly tracer?: Tracer | null
  /** Held for as long as nobody can have given the worker up. @defaultValue for ever */
  readonly lease?: Lease
  /** Where it notes what it is at. @defaultValue nowhere */
  readonly whereabouts?: Whereabouts | null
  /** Told what its actors do, by their numbers, before any of them does. */
  readonly assembled?: (actors: readonly string[]) => void
  /** Sees what reaches the mailboxes; for simulations. */
  readonly watch?: Watch
}

/** What a worker has done when it is through. */
export interface WorkerSummary {
  /** All input has ended, or the flow was stopped before. */
  readonly reason: 'eof' | 'stopped'
  /** Every epoch before this one is complete. */
  readonly epoch: number
  readonly itemsIn: number
  readonly itemsOut: number
  readonly skipped: number
}

/**
 * One worker: its share of every step of the flow, from the start to its end.
 *
 * W1. Worker 0 paces the epochs; every worker ends an epoch at a turn of its own.
 * W2. Nothing is read before every starting position is durable.
 * W3. Nothing is handed over to a sink, told to be committed or written to the store without the
 *     lease. A worker whose lease has run out stands still until it is renewed.
 */
export class Worker implements Host, Receiver {
  readonly #options: WorkerOptions
  readonly #runtime: Runtime
  readonly #network: Network
  readonly #lease: Lease
  readonly #letters: DeadLetters
  readonly #pacer: Pacer
  readonly #spans: Spans | null
  #agreed: Agreed | null = null
  #assembly: Assembly | null = null
  #ports: Ports | null = null
  #turns: Turns | null = null
  #living = 0
  /** Commits that sources and sinks have been told of and are not through with. */
  #settling = 0
  #first = 1
  #reading = false
  #stopping: 'drain' | 'halt' | null = null
  #stopWhenReading: 'drain' | 'halt' | null = null
  #aborted: AbortExecution | null = null
  readonly #mishaps = new Mishaps()
  #loaded: Loaded | null = null
  #over = false
  #finish: (outcome: WorkerSummary | { readonly failure: unknown }) => void = () => {}

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#runtime = options.runtime
    this.#network = options.network
    this.#lease = options.lease ?? LASTING
    this.#letters = new DeadLetters(options.network.index, options.network.count)
    this.#pacer = new Pacer({
      runtime: options.runtime,
      interval: options.epochInterval,
      paces: options.network.index === 0,
    })
    const { tracer = null, runtime } = options
    const worker = options.network.index
    this.#spans = tracer === null ? null : new Spans(tracer, { runtime, worker })
  }

  /** Runs the worker's share to its end; rejects with what made it fail. */
  async run(): Promise<WorkerSummary> {
    const outcome = new Promise<WorkerSummary | { readonly failure: unknown }>((resolve) => {
      this.#finish = resolve
    })
    // Not awaited: a worker that fails elsewhere leaves this one waiting for an agreement for good.
    this.#begin().catch((error: unknown) => this.fail(error))
    const ended = await outcome
    const failure = 'failure' in ended ? ended.failure : null
    this.#endSpans(failure)
    await this.#close(failure)
    if ('failure' in ended) throw ended.failure
    return ended
  }

  /** Ends the flow on all workers: with `drain` as if input had ended. */
  stop(drain: boolean): void {
    if (this.#network.index === 0) this.#stop(drain)
    else this.#network.control(0, { kind: 'stop', drain })
  }

  /** Ends this worker at once, as a failure elsewhere demands. */
  crash(error: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#lease.end()
    this.#turns?.end()
    for (const actor of this.#assembly?.actors ?? []) actor.stop()
    this.#finish({ failure: error })
  }

  /** The live state of a key, where this worker owns it. */
  query(stepId: string, key: string): unknown {
    const found = this.#assembly?.actors.find(
      ({ behavior, name }) => name === stepId && behavior instanceof KeyedBehavior,
    )
    return found?.behavior instanceof KeyedBehavior ? found.behavior.query(key) : undefined
  }

  /** What each actor that has not ended waits for, a line each. */
  waits(): readonly string[] {
    const { index } = this.#network
    if (this.#assembly === null) return [`worker ${index} has not agreed with the others yet`]
    return [
      `worker ${index} ${this.#state}, epoch ${this.#pacer.open}, committed ${this.#pacer.committed}`,
      ...this.#assembly.actors.filter(({ ended }) => !ended).map((actor) => `  ${actor.waits}`),
    ]
  }

  get #state(): string {
    if (this.#over) return 'is over'
    return this.#reading ? 'reads' : 'has not begun to read'
  }

  get progress(): {
    epoch: number
    committed: number
    itemsIn: number
    itemsOut: number
    skipped: number
  } {
    let itemsIn = 0
    for (const { behavior } of this.#assembly?.sources ?? []) itemsIn += behavior.itemsOut
    let itemsOut = 0
    for (const actor of this.#assembly?.outputs ?? []) itemsOut += actor.itemsIn
    return {
      epoch: this.#pacer.open,
      committed: this.#pacer.committed,
      itemsIn,
      itemsOut,
      skipped: this.#mishaps.total,
    }
  }

  /** Everything a person may want to know; `null` before the workers have agreed. */
  observe(): WorkerFacts | null {
    if (this.#assembly === null) return null
    return factsOf(this.#assembly, {
      index: this.#network.index,
      monotonic: () => this.#runtime.monotonic(),
      reading: this.#reading,
      stopping: this.#stopping !== null,
      pacer: this.#pacer,
      letters: this.#letters,
      mishaps: this.#mishaps,
      links: this.#network.links ?? [],
      loaded: this.#loaded,
    })
  }

  // Host: what actors ask for.

  /**
   * A source's abort ends the run as a crash would, once earlier epochs are safe and what came before
   * it has been through; all else ends it at once.
   */
  fail(error: unknown, actor?: Actor): void {
    if (actor !== undefined && !this.#over) this.#noteFailure(error, actor)
    const waits = this.#reading && (actor === undefined || actor.behavior instanceof SourceBehavior)
    if (error instanceof AbortExecution && waits) {
      this.#aborted ??= error
      this.#turns?.wake()
    } else {
      this.crash(error)
    }
  }

  schedule(actor: Actor): void {
    this.#turns?.schedule(actor)
  }

  ended(_actor: Actor): void {
    this.#living -= 1
    this.#endIfDone()
  }

  /** What was begun with the last commit is through before the worker ends. */
  #endIfDone(): void {
    if (this.#living > 0 || this.#settling > 0 || this.#over) return
    this.#over = true
    this.#turns?.end()
    const { itemsIn, itemsOut, skipped, committed } = this.progress
    const reason = this.#stopping === null ? 'eof' : 'stopped'
    this.#finish({ reason, epoch: committed, itemsIn, itemsOut, skipped })
  }

  // Receiver: what comes in from other workers.

  signal(from: number, edge: number, signal: Signal): void {
    if (this.#over) return
    this.#ports?.deliver(from, edge, signal)
    if (signal.kind === DATA && signal.epoch > this.#pacer.open) this.#cut(signal.epoch)
  }

  credit(from: number, edge: number, items: number): void {
    if (!this.#over) this.#ports?.credit(from, edge, items)
  }

  control(_from: number, control: Control): void {
    if (this.#over) return
    switch (control.kind) {
      case 'pace':
        if (control.epoch > this.#pacer.open) this.#cut(control.epoch)
        if (control.stop !== null) this.#stopReading(control.stop)
        return
      case 'cut':
        this.#pacer.ask()
        this.#turns?.wake()
        return
      case 'stop':
        this.#stop(control.drain)
    }
  }

  async #begin(): Promise<void> {
    const agreed = await this.#agree()
    if (this.#over) return
    this.#agreed = agreed
    this.#first = agreed.epoch
    this.#beginEpoch(agreed.epoch)
    const assembly = this.#assemble(agreed)
    this.#assembly = assembly
    this.#ports = assembly.ports
    this.#turns = this.#turnsOf(assembly)
    this.#living = assembly.actors.length
    this.#network.attach(this)
    this.#tellActors(assembly)
    for (const actor of assembly.actors) actor.start()
    await this.#options.group.gather('assembled', true)
    if (this.#over) return
    this.#beginEpoch(agreed.epoch)
    for (const output of assembly.outputs) {
      output.progress = new Latency(this.#pacer, this.#runtime)
    }
    for (const open of assembly.openings) open()
    this.#turns.wake()
    await this.#load(assembly, agreed)
  }

  /** Learns with all others where to go on, and refuses where that would be wrong. */
  async #agree(): Promise<Agreed> {
    const { flow, group, recovery, allowRewind = false } = this.#options
    const agreed = await convene({
      flow,
      group,
      partitions: recovery ?? [],
      network: this.#network,
      durable: recovery !== null,
    })
    if (!agreed.rewinds || this.#over) return agreed
    if (!allowRewind) checkRewind(flow, agreed.epoch)
    if (this.#network.index === 0) {
      this.#report(
        'warn',
        `the state was restored from an archive that may be behind what was committed: epochs from ${agreed.epoch} on come again`,
      )
    }
    return agreed
  }

  #assemble(agreed: Agreed): Assembly {
    const { flow, recovery, onError, allowRewind = false, watch = null } = this.#options
    return assemble({
      flow,
      agreed,
      refusesRewind: agreed.rewinds && !allowRewind,
      onError,
      recovery: recovery === null ? null : agreed.partitions,
      runtime: this.#runtime,
      network: this.#network,
      host: this,
      report: (level, message, about) => this.#report(level, message, about),
      lease: this.#lease,
      wake: () => this.#turns?.wake(),
      stopping: () => this.#stopping,
      over: () => this.#over,
      cut: () => {
        this.#askForCut()
        this.#turns?.wake()
      },
      skipped: (stepId, failure) => this.#mishaps.note(stepId, failure, this.#runtime.now()),
      letters: this.#letters,
      committed: (epoch) => this.#onCommitted(epoch),
      grant: GRANT,
      watch,
      spans: this.#spans,
    })
  }

  #tellActors({ actors }: Assembly): void {
    const { flow, whereabouts = null, assembled } = this.#options
    for (const actor of actors) actor.whereabouts = whereabouts
    assembled?.(actors.map((actor) => actorTitle(actor, flow.id)))
  }

  #turnsOf(assembly: Assembly): Turns {
    return new Turns({
      assembly,
      runtime: this.#runtime,
      lease: this.#lease,
      pacer: this.#pacer,
      whereabouts: this.#options.whereabouts ?? null,
      over: () => this.#over,
      underWay: () => this.#reading && this.#stopping === null && this.#aborted === null,
      askForCut: () => this.#askForCut(),
      pace: () => this.#pace(),
      failed: (error) => this.fail(error),
      idle: () => {
        if (this.#aborted !== null && this.#isThrough(assembly)) this.crash(this.#aborted)
      },
    })
  }

  async #load(assembly: Assembly, agreed: Agreed): Promise<void> {
    if (this.#options.recovery === null) return
    const { partitions } = agreed
    const began = this.#runtime.monotonic()
    const { orphans, rows, bytes } = await loadSnapshots(partitions, {
      epoch: this.#first,
      targets: assembly.loads,
      room: () =>
        new Promise((resolve) =>
          this.#runtime.soon(() => {
            assembly.ports.flush()
            resolve()
          }),
        ),
      stopped: () => this.#over,
      begin: async () => {
        const record = { ...agreed.record, steps: [...assembly.loads.keys()].sort() }
        for (const partition of partitions) await partition.begin(this.#options.flow.id, record)
      },
    })
    assembly.ports.flush()
    this.#loaded = { rows, bytes, millis: this.#runtime.monotonic() - began }
    this.#spans?.resumed({ began, epoch: this.#first, rows, bytes })
    this.#turns?.wake()
    if (orphans.length > 0) {
      this.#report(
        'warn',
        `the store keeps state of steps that the flow does not have: ${orphans.join(', ')}; a renamed step starts anew. \`tidemark recovery inspect\` lists such state, \`tidemark recovery remove\` removes it.`,
      )
    }
  }

  /** Whether nothing is left to do, or to commit, of what was read before an abort. */
  #isThrough({ actors }: Assembly): boolean {
    if (this.#pacer.committed < this.#pacer.open) return false
    return !actors.some(({ held, behavior }) => held && !(behavior instanceof SourceBehavior))
  }

  /** Only the pacer ends epochs by itself (W1); the others ask. */
  #askForCut(): void {
    if (this.#network.index === 0) this.#pacer.ask()
    else this.#network.control(0, { kind: 'cut' })
  }

  #pace(stop: 'drain' | 'halt' | null = null): void {
    const epoch = this.#pacer.open + 1
    for (let to = 1; to < this.#network.count; to++)
      this.#network.control(to, { kind: 'pace', epoch, stop })
    this.#cut(epoch)
  }

  #cut(epoch: number): void {
    // The epoch of an abort never ends: nothing of it may be committed.
    if (this.#aborted !== null) return
    this.#beginEpoch(epoch)
    for (const { behavior } of this.#assembly?.sources ?? [])
      if (behavior.ready) behavior.cut(epoch)
    this.#turns?.wakeIfAsleep()
  }

  #beginEpoch(epoch: number): void {
    this.#pacer.begin(epoch)
    this.#spans?.begin(epoch)
  }

  #stop(drain: boolean): void {
    if (this.#over || this.#stopping !== null) return
    const stop = drain ? 'drain' : 'halt'
    if (!this.#reading) {
      // Not under way yet: the stop is taken up when the starting positions are durable.
      this.#stopWhenReading = stop
      return
    }
    this.#pace(stop)
    this.#stopReading(stop)
  }

  #stopReading(stop: 'drain' | 'halt'): void {
    if (this.#stopping !== null) return
    this.#stopping = stop
    for (const { behavior } of this.#assembly?.sources ?? []) behavior.finish(stop === 'halt')
    // A sink that takes nothing while its destination is away takes what is left now.
    for (const actor of this.#assembly?.outputs ?? []) {
      this.schedule(actor)
      this.#tellStop(actor)
    }
    this.#turns?.wake()
  }

  #tellStop(actor: Actor): void {
    try {
      actor.behavior.stopping()
    } catch (error) {
      this.fail(error, actor)
    }
  }

  #tell(actor: Actor, epoch: number): void {
    const begun = actor.behavior.committed(epoch)
    if (begun === null) return
    this.#settling += 1
    begun.then(
      () => {
        this.#settling -= 1
        this.#endIfDone()
      },
      (error) => this.fail(error, actor),
    )
  }

  #onCommitted(epoch: number): void {
    this.#lease.check()
    this.#pacer.committed = epoch
    this.#spans?.committed(epoch)
    this.#options.committed(epoch)
    for (const { actor } of this.#assembly?.sources ?? []) this.#tell(actor, epoch)
    for (const actor of this.#assembly?.outputs ?? []) this.#tell(actor, epoch)
    for (const partition of this.#agreed?.partitions ?? []) void partition.commit(epoch)
    if (!this.#reading && epoch >= this.#first) {
      this.#reading = true
      const stop = this.#stopWhenReading
      if (stop !== null) this.#stop(stop === 'drain')
    }
    this.#turns?.wakeIfAsleep()
  }

  #report(level: 'info' | 'warn' | 'error', message: string, about: LogFields = {}): void {
    const { flow, network, report } = this.#options
    const place = { flow: flow.id, worker: network.index, epoch: this.#pacer.open }
    report(level, message, { ...place, ...about })
  }

  #noteFailure(error: unknown, { name, inbox, timing }: Actor): void {
    const spans = this.#spans
    if (spans === null) return
    const began = timing?.began ?? spans.now()
    spans.work({
      kind: 'step',
      step: name,
      epoch: inbox.epoch,
      began,
      items: 0,
      failure: { error },
    })
  }

  #endSpans(failure: unknown): void {
    const { itemsIn, itemsOut, skipped } = this.progress
    const execution = this.#agreed?.record.execution ?? 0
    const facts = {
      execution,
      'items.in': itemsIn,
      'items.out': itemsOut,
      'items.skipped': skipped,
    }
    this.#spans?.end(facts, failure === null ? null : { error: failure })
  }

  async #close(failure: unknown): Promise<void> {
    const { actors = [] } = this.#assembly ?? {}
    const failed =
      failure === null || failure instanceof Error ? failure : new Error(String(failure))
    const closed = await Promise.allSettled([
      ...actors.map(({ behavior }) => Promise.resolve().then(() => behavior.close(failed))),
      this.#letters.close(),
    ])
    for (const each of closed) {
      if (each.status === 'fulfilled') continue
      if (failure === null) throw each.reason
      this.#report('warn', 'something could not be closed after the failure', {
        err: each.reason,
      })
    }
  }
}
