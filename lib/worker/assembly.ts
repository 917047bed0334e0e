import { Actor, type Host, type Outlet } from '../actor/actor.ts'
import type { Behavior } from '../actor/behavior.ts'
import { LOAD_INPUT } from '../actor/inbox.ts'
import { Timing } from '../actor/timing.ts'
import { BuildError } from '../errors/errors.ts'
import { hashKey, ownerOfHash, ownerOfKey } from '../exchange/hash.ts'
import type { Network } from '../exchange/network.ts'
import {
  byKey,
  byOwner,
  inTurn,
  type Router,
  toAll,
  toOne,
  toRecorder,
} from '../exchange/router.ts'
import { ownerOfSlot, readSlotRow, SLOTS, slotOfKey, slotOfWorker } from '../exchange/slots.ts'
import { followerOf } from '../flow/check.ts'
import type { Dataflow } from '../flow/dataflow.ts'
import type { ErrorPolicy } from '../flow/policy.ts'
import {
  DynamicSink,
  FixedPartitionedSink,
  TransactionalSink,
  WriteAheadSink,
} from '../flow/sink.ts'
import type { Step } from '../flow/step.ts'
import type { RecoveryPartition } from '../recovery/store.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { end, frontier, SNAPSHOT_PORT } from '../signal/signal.ts'
import type { Circuit } from '../state/circuit.ts'
import type { Failure } from '../state/processor.ts'
import { ChainBehavior } from './chain-behavior.ts'
import { Committer } from './committer.ts'
import type { Agreed } from './convene.ts'
import type { DeadLetters } from './dead-letters.ts'
import { KeyedBehavior } from './keyed-behavior.ts'
import type { Lease } from './lease.ts'
import type { LoadTarget } from './loader.ts'
import type { Report } from './log-fields.ts'
import { MergeBehavior } from './merge-behavior.ts'
import { PartitionedSinkBehavior, partOf } from './partitioned-sink-behavior.ts'
import {
  headOf,
  type Plan,
  type PlanEdge,
  type PlanNode,
  planOf,
  type StatelessStep,
} from './plan.ts'
import { Ports, type Watch } from './ports.ts'
import { RaisesBehavior } from './raises-behavior.ts'
import { Recorder } from './recorder.ts'
import { RetryBehavior } from './retry-behavior.ts'
import { keyOfRow, WATERMARK_ROW } from './row-key.ts'
import { SinkBehavior } from './sink-behavior.ts'
import { SnapshotWriter } from './snapshot-writer.ts'
import { SourceBehavior } from './source-behavior.ts'
import type { Spans } from './spans.ts'
import { StepHost } from './step-host.ts'
import { TaskBehavior } from './task-behavior.ts'
import { TransactionalSinkBehavior } from './transactional-sink-behavior.ts'
import { readTimeRow, WatermarksBehavior } from './watermarks-behavior.ts'
import { WriteAheadSinkBehavior } from './write-ahead-sink-behavior.ts'

/** One worker's actors, connected. */
export interface Assembly {
  /** Upstream before downstream. */
  readonly actors: readonly Actor[]
  readonly sources: readonly { readonly actor: Actor; readonly behavior: SourceBehavior }[]
  /** The actors at which items leave the flow. */
  readonly outputs: readonly Actor[]
  /** The actors that may have something to do at a time of their own. */
  readonly timed: readonly Actor[]
  readonly ports: Ports
  /** Where the snapshots of each step go. */
  readonly loads: ReadonlyMap<string, LoadTarget>
  /** What is to be opened when all workers are ready. */
  readonly openings: readonly (() => void)[]
  /** What keeps calls back, by the step's id. */
  readonly circuits: ReadonlyMap<string, Circuit>
}

export interface Parts {
  readonly flow: Dataflow
  readonly agreed: Agreed
  /** Sources that were told of commits may not go back behind them. */
  readonly refusesRewind: boolean
  readonly onError: ErrorPolicy
  readonly recovery: readonly RecoveryPartition[] | null
  readonly runtime: Runtime
  readonly network: Network
  readonly host: Host
  readonly report: Report
  readonly wake: () => void
  /** How the flow is being stopped; `null` while it is not. */
  readonly stopping: () => 'drain' | 'halt' | null
  readonly over: () => boolean
  readonly lease: Lease
  /** Asks for the end of the open epoch, ahead of time. */
  readonly cut: () => void
  readonly skipped: (stepId: string, failure: Failure) => void
  readonly letters: DeadLetters
  readonly committed: (epoch: number) => void
  readonly grant: number
  readonly watch: Watch | null
  /** Takes note of what takes its time; `null` where nobody traces. */
  readonly spans: Spans | null
}

/** Steps without a retry policy are fused, so this stands for none. */
const ONE_TRY = { attempts: 1, backoff: 0 }

/** Makes the actors of a plan and connects them. */
export const assemble = (parts: Parts): Assembly => new Assembler(parts).assemble()

class Assembler {
  readonly #parts: Parts
  readonly #plan: Plan
  readonly #ports: Ports
  readonly #actors: Actor[] = []
  readonly #sources: { actor: Actor; behavior: SourceBehavior }[] = []
  readonly #outputs: Actor[] = []
  readonly #timed: Actor[] = []
  readonly #loads = new Map<string, LoadTarget>()
  readonly #openings: (() => void)[] = []
  readonly #circuits = new Map<string, Circuit>()
  /** Edges are numbered alike on every worker: the plan's own first. */
  #edges: number

  constructor(parts: Parts) {
    this.#parts = parts
    this.#plan = planOf(parts.flow, parts.onError)
    this.#ports = new Ports(parts)
    this.#edges = this.#plan.edges.length
  }

  assemble(): Assembly {
    for (const node of this.#plan.nodes) this.#place(node)
    for (const edge of this.#plan.edges) this.#connect(edge)
    this.#connectRecovery()
    return {
      actors: this.#actors,
      sources: this.#sources,
      outputs: this.#outputs,
      timed: this.#timed,
      ports: this.#ports,
      loads: this.#loads,
      openings: this.#openings,
      circuits: this.#circuits,
    }
  }

  #place(node: PlanNode): void {
    const index = this.#actors.length
    const head = headOf(node)
    // The behavior asks for its actor only once it runs.
    const self = (): Actor => this.#actors[index] as Actor
    const behavior = this.#behaviorOf(node, self)
    const actor = new Actor(index, head.id, behavior, this.#parts.host)
    if (this.#parts.spans !== null) actor.timing = tracedTiming(this.#parts.spans)
    this.#actors.push(actor)
    if (behavior instanceof SourceBehavior) this.#sources.push({ actor, behavior })
    if (behavior instanceof SinkBehavior) this.#openings.push(() => actor.hold(behavior.open()))
    if (behavior instanceof WatermarksBehavior) this.#timed.push(actor)
    if (behavior instanceof KeyedBehavior || behavior instanceof SourceBehavior)
      this.#timed.push(actor)
    if (head.spec.kind === 'sink') this.#outputs.push(actor)
  }

  #behaviorOf(node: PlanNode, self: () => Actor): Behavior {
    if (node.kind === 'chain') {
      return new ChainBehavior(
        node.steps,
        node.steps.map((step) => this.#hostOf(step, self)),
      )
    }
    const { step } = node
    const host = this.#hostOf(step, self)
    const input = (): number => self().inbox.input
    const { spec } = step
    switch (spec.kind) {
      case 'source':
        return new SourceBehavior(spec, {
          host,
          writer: this.#writerOf(step, self),
          parts: this.#partsOf(step),
          refusesRewind: this.#parts.refusesRewind,
          follower: followerOf(step, this.#parts.flow.steps),
          report: (message) => this.#parts.report('warn', message, { step: step.id }),
        })
      case 'keyed':
        return new KeyedBehavior(spec, {
          host,
          writer: this.#writerOf(step, self),
          first: this.#parts.agreed.epoch,
          input,
          wanted: (port) => this.#endsOf(step, port) > 0,
        })
      case 'watermarks':
        return new WatermarksBehavior(spec, {
          host,
          writer: this.#writerOf(step, self),
          input,
        })
      case 'merge':
      case 'route':
        return new MergeBehavior(!step.ups.every((up) => up.keyed))
      case 'task':
        return new TaskBehavior(spec, host)
      case 'raises':
        return new RaisesBehavior(host)
      case 'stateless':
      case 'branch':
        return new RetryBehavior(step as StatelessStep, host, host.tries ?? ONE_TRY)
      case 'sink':
        return this.#sinkOf(step, host, self)
      default:
        throw new BuildError(`Step "${step.id}" (${step.operator}) can't be run.`)
    }
  }

  #sinkOf(step: Step, host: StepHost, self: () => Actor): Behavior {
    const sink: unknown = step.spec.kind === 'sink' ? step.spec.sink : null
    if (sink instanceof FixedPartitionedSink) {
      const parts = this.#parts.agreed.sinks.get(step.id) ?? { names: [], owners: [] }
      return new PartitionedSinkBehavior(sink, {
        host,
        writer: this.#writerOf(step, self),
        input: () => self().inbox.input,
        ...parts,
      })
    }
    if (sink instanceof DynamicSink) {
      const from = step.ups[0]
      const shared = from !== undefined && this.#endsOf(from.step, from.port) > 1
      return new SinkBehavior(sink, { host, shared })
    }
    const { record, epoch } = this.#parts.agreed
    const ends = {
      host,
      writer: this.#writerOf(step, self),
      input: () => self().inbox.input,
      context: { execution: record.execution, resumeEpoch: epoch },
      report: reportOf(step, this.#parts.report),
    }
    if (sink instanceof TransactionalSink) return new TransactionalSinkBehavior(sink, ends)
    if (sink instanceof WriteAheadSink) return new WriteAheadSinkBehavior(sink, ends)
    throw new BuildError(`Step "${step.id}": this kind of sink can't be run.`)
  }

  /** How many edges leave an output of a step. */
  #endsOf(step: Step, port: number): number {
    let ends = 0
    for (const edge of this.#plan.edges) {
      const node = this.#plan.nodes[edge.from] as PlanNode
      const from = node.kind === 'chain' ? node.steps.at(-1) : node.step
      if (edge.port === port && from === step) ends += 1
    }
    return ends
  }

  #hostOf(step: Step, self: () => Actor): StepHost {
    const { flow, network, runtime, onError, host, skipped, letters } = this.#parts
    return new StepHost(step, {
      flowId: flow.id,
      worker: network.index,
      workers: network.count,
      runtime,
      onError,
      hold: (work) => self().hold(work),
      wake: () => host.schedule(self()),
      openEpoch: () => self().inbox.epoch,
      stopping: this.#parts.stopping,
      over: this.#parts.over,
      lease: this.#parts.lease,
      spans: this.#parts.spans,
      cut: this.#parts.cut,
      skipped: (failure) => skipped(step.id, failure),
      deadLetter: (letter, sink) => {
        const written = letters.put(sink, letter)
        if (written !== null) self().hold(written)
      },
      installed: (circuit) => this.#circuits.set(step.id, circuit),
      report: reportOf(step, this.#parts.report),
    })
  }

  #writerOf(step: Step, self: () => Actor): SnapshotWriter | null {
    if (this.#parts.recovery === null) return null
    const format = step.spec.kind === 'keyed' ? step.spec.options : undefined
    const partitions = this.#parts.agreed.recorders.length
    return new SnapshotWriter({ id: step.id, format: format as never, partitions }, (signal) =>
      self().behavior.dispatch(signal),
    )
  }

  #partsOf(step: Step) {
    const owners = this.#parts.agreed.sources.get(step.id)
    if (owners === undefined) return { own: null, all: new Set<string>() }
    const own = [...owners].filter(([, worker]) => worker === this.#parts.network.index)
    return { own: own.map(([name]) => name).sort(), all: new Set(owners.keys()) }
  }

  #connect(edge: PlanEdge): void {
    const from = this.#actors[edge.from] as Actor
    const to = this.#actors[edge.to] as Actor
    const router = this.#routerOf(edge)
    const outlet =
      router === null
        ? this.#ports.local(to, edge.input, from)
        : this.#ports.crossing(edge.id, { to, input: edge.input, from, router })
    from.connect(edge.port, outlet)
  }

  #routerOf({ crossing, to }: PlanEdge): Router | null {
    const { count, index } = this.#parts.network
    if (count === 1) return null
    switch (crossing) {
      case 'local':
        return null
      case 'key':
        return byKey(count)
      case 'any':
        return inTurn(count, index)
      case 'all':
        return toAll(count)
      case 'part': {
        const step = headOf(this.#plan.nodes[to] as PlanNode)
        return this.#toParts(
          step,
          this.#hostOf(step, () => this.#actors[to] as Actor),
        )
      }
      case 'slot':
        return this.#toSlots(headOf(this.#plan.nodes[to] as PlanNode))
    }
  }

  #toParts(step: Step, host: StepHost): Router {
    const { names, owners } = this.#parts.agreed.sinks.get(step.id) ?? { names: [], owners: [] }
    const sink = step.spec.kind === 'sink' ? step.spec.sink : null
    if (!(sink instanceof FixedPartitionedSink)) return byOwner(() => 0)
    return byOwner((key) => owners[partOf({ sink, host, parts: names.length }, key)] as number)
  }

  /** A key has its slot; what has none stays on its worker, where that writes one. */
  #toSlots({ ups }: Step): Router | null {
    const { count, index } = this.#parts.network
    if (ups[0]?.keyed === true) return byOwner((key) => ownerOfSlot(slotOfKey(key), count))
    return count > SLOTS ? toOne(ownerOfSlot(slotOfWorker(index), count)) : null
  }

  /** Snapshots flow from steps to recorders, what is durable from recorders to committers. */
  #connectRecovery(): void {
    const { recovery, runtime, report, committed, agreed } = this.#parts
    const recorder = this.#add(
      'recorder',
      new Recorder({
        partitions: recovery ?? [],
        numbers: agreed.numbers,
        runtime,
        alarm: (message, err) => report('error', message, { err }),
        spans: this.#parts.spans,
      }),
    )
    recorder.inbox.aligned = false
    const committer = this.#add('committer', new Committer(committed))
    const toWriter = toRecorder((partition) => agreed.recorders[partition] ?? 0)
    this.#plan.nodes.forEach((node, at) => {
      const from = this.#actors[at] as Actor
      if (!isRecorded(headOf(node))) {
        if (this.#plan.edges.some((edge) => edge.from === at)) return
        // Where a stream ends in an inspector, what it has seen counts as much as what a sink took.
        from.mirrorsProgress = true
      }
      from.connect(SNAPSHOT_PORT, this.#outlet(recorder, null, toWriter))
    })
    recorder.connect(0, this.#outlet(committer, recorder, toAll(this.#parts.network.count)))
    this.#plan.nodes.forEach((node, at) => {
      this.#connectLoad(headOf(node), this.#actors[at] as Actor)
    })
  }

  /** The way by which a step gets what it resumes from. */
  #connectLoad(step: Step, actor: Actor): void {
    if (!isResumed(step)) return
    if (this.#parts.recovery === null) {
      if (step.spec.kind !== 'source') return
      // Sources have no upstream: without a store they are told at once where to begin.
      const outlet = this.#ports.local(actor, LOAD_INPUT, null)
      this.#openings.push(() => {
        outlet.send(frontier(this.#parts.agreed.epoch))
        outlet.send(end(0, false))
      })
      return
    }
    const outlet = this.#outlet(actor, null, this.#loadRouter(step), LOAD_INPUT)
    const { behavior } = actor
    const alone = this.#parts.network.count === 1 && behavior instanceof KeyedBehavior
    this.#loads.set(step.id, alone ? directly(outlet, behavior) : outlet)
  }

  #loadRouter(step: Step): Router {
    const { count } = this.#parts.network
    if (step.spec.kind === 'sink') {
      if (!(step.spec.sink instanceof FixedPartitionedSink)) {
        return byOwner((row) => ownerOfSlot(readSlotRow(row)[0], count))
      }
      const { names, owners } = this.#parts.agreed.sinks.get(step.id) ?? { names: [], owners: [] }
      return byOwner((part) => owners[names.indexOf(part)] ?? ownerOfKey(part, count))
    }
    if (step.spec.kind === 'source') {
      const owners = this.#parts.agreed.sources.get(step.id)
      return byOwner((part) => owners?.get(part) ?? ownerOfKey(part, count))
    }
    if (step.spec.kind === 'watermarks') {
      return byOwner((row) => {
        const [sourceId, part] = readTimeRow(row)
        const owners = this.#parts.agreed.sources.get(sourceId)
        // A source without partitions of its own has one a worker, by the worker's number.
        return owners === undefined
          ? Number(part) % count
          : (owners.get(part) ?? ownerOfKey(part, count))
      })
    }
    const replicated = step.spec.kind === 'keyed' && step.spec.replicated === true
    return {
      scatter: ({ keys: rows, values }, into) => {
        rows?.forEach((row, at) => {
          if (row !== WATERMARK_ROW && !replicated)
            into.add(ownerOfHash(hashKey(keyOfRow(row)), count), row, values[at])
          else for (let to = 0; to < count; to++) into.add(to, row, values[at])
        })
      },
    }
  }

  #outlet(to: Actor, from: Actor | null, router: Router, input = 0): Outlet {
    const edge = this.#edges
    this.#edges += 1
    return this.#parts.network.count === 1
      ? this.#ports.local(to, input, from)
      : this.#ports.crossing(edge, { to, input, from, router })
  }

  #add(name: string, behavior: Behavior): Actor {
    const actor = new Actor(this.#actors.length, name, behavior, this.#parts.host)
    this.#actors.push(actor)
    return actor
  }
}

const reportOf =
  ({ id: step }: Step, report: Report) =>
  (level: 'info' | 'warn', message: string, err?: unknown): void =>
    report(level, message, err === undefined ? { step } : { step, err })

const tracedTiming = (spans: Spans): Timing =>
  new Timing(() => spans.now(), {
    get recording() {
      return spans.recording
    },
    batch: (step, { epoch, values }, began) =>
      spans.work({ kind: 'step', step, epoch, began, items: values.length }),
  })

/** Rows go straight into the table of the only worker; progress goes its usual way. */
const directly = (outlet: Outlet, behavior: KeyedBehavior): LoadTarget => ({
  get full() {
    return outlet.full
  },
  send: (signal) => outlet.send(signal),
  take: (block) => behavior.take(block),
})

/** Steps whose word the recorders wait for before an epoch counts as done. */
const isRecorded = ({ spec }: Step): boolean =>
  spec.kind === 'source' ||
  spec.kind === 'keyed' ||
  spec.kind === 'sink' ||
  spec.kind === 'raises' ||
  spec.kind === 'watermarks'

/** Steps that go on from a snapshot. */
const isResumed = ({ spec }: Step): boolean =>
  spec.kind === 'source' ||
  spec.kind === 'keyed' ||
  spec.kind === 'watermarks' ||
  (spec.kind === 'sink' && !(spec.sink instanceof DynamicSink))
