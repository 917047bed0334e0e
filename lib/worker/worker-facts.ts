import type { Actor } from '../actor/actor.ts'
import type { DurationCounts } from '../actor/durations.ts'
import type { Channel } from '../actor/inbox.ts'
import { Timing } from '../actor/timing.ts'
import type { LinkNow } from '../exchange/network.ts'
import type { LoopDelay } from '../runtime/loop-delay.ts'
import { END } from '../signal/signal.ts'
import type { CircuitState } from '../state/circuit.ts'
import type { Assembly } from './assembly.ts'
import { ChainBehavior } from './chain-behavior.ts'
import { Committer } from './committer.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { HotKey } from './hot-keys.ts'
import { KeyedBehavior } from './keyed-behavior.ts'
import { Latency } from './latency.ts'
import type { Mishap, Mishaps } from './mishaps.ts'
import type { Pacer } from './pacer.ts'
import { Recorder, type RecorderFacts } from './recorder.ts'
import { roughBytes } from './rough-size.ts'
import { SourceBehavior } from './source-behavior.ts'
import { type PartNow, WatermarksBehavior } from './watermarks-behavior.ts'

/** Items of a mailbox whose size is looked at. */
const LOOKED_AT = 4

/** Where one step stands on one worker; plain data. */
export interface StepNow {
  /** The step's id without the flow's name. */
  readonly step: string
  /** The ids of the stateless steps that run as one, this first; mostly just this. */
  readonly fused: readonly string[]
  readonly itemsIn: number
  /** Items that left by each output. */
  readonly itemsOut: readonly number[]
  readonly queuedItems: number
  readonly queuedSignals: number
  /** About what these items take in memory, by a look at a few of the oldest. */
  readonly queuedBytes: number
  /** Whether it waits for room downstream, or for calls that are under way. */
  readonly blocked: boolean
  readonly held: boolean
  readonly ended: boolean
  readonly frontier: number
  /** Epoch milliseconds; `null` where none has come, or nobody upstream has a say. */
  readonly watermark: number | null
  /** Keys with state; `null` where the step keeps none. */
  readonly keys: number | null
  /** What these take in the store, an estimate; `null` where nothing has been packed. */
  readonly stateBytes: number | null
  /** Values that came too late; `null` where time does not matter. */
  readonly late: number | null
  /** Source partitions that are being read; `null` where the step is no source. */
  readonly partitions: number | null
  /** Items that wait to be read, by source partition, where these know. */
  readonly lags: readonly (readonly [part: string, items: number])[]
  /** Of a step that makes watermarks: the partitions that have a say, the furthest behind first. */
  readonly parts: readonly PartNow[] | null
  /** Of a keyed step: which keys its items have most often, by samples. */
  readonly hotKeys: readonly HotKey[] | null
  /** How long batches, or polls of a source that gave something, took since timing began. */
  readonly batches: DurationCounts
  /** Of a sink: how long epochs took from their end at the sources until all of them was written. */
  readonly latency: DurationCounts | null
}

/** What a worker has read of the store to resume from. */
export interface Loaded {
  readonly rows: number
  readonly bytes: number
  readonly millis: number
}

/** Where one worker stands; plain data, read when somebody asks. */
export interface WorkerFacts {
  readonly worker: number
  /** Whether every starting position is durable and sources are read. */
  readonly reading: boolean
  readonly stopping: boolean
  readonly epoch: number
  readonly committed: number
  /** How long the open epoch has been open: milliseconds. */
  readonly epochAge: number
  readonly epochs: DurationCounts
  /** Failed items that were passed over, by step. */
  readonly skipped: readonly (readonly [step: string, items: number])[]
  /** The latest of them, the newest last. */
  readonly mishaps: readonly Mishap[]
  readonly deadLettered: readonly (readonly [step: string, items: number])[]
  /** Steps whose policy has a circuit: where it stands, and how often it has opened. */
  readonly circuits: readonly (readonly [step: string, state: CircuitState, opened: number])[]
  /** Items sent to other workers that these have not taken yet. */
  readonly underWay: number
  /** Items that it may send before one of its exchanges has to wait; `null` where it has none. */
  readonly credit: number | null
  /** How its links to workers of other processes are doing. */
  readonly links: readonly LinkNow[]
  readonly recorder: RecorderFacts | null
  /** `null` where nothing was to be read, or not yet. */
  readonly loaded: Loaded | null
  readonly steps: readonly StepNow[]
  /** Of a worker that has a thread to itself. */
  readonly loopDelay: LoopDelay | null
}

/** Reads a worker; from the first time on its batches are timed. */
export const factsOf = (
  { actors, ports, circuits }: Assembly,
  worker: {
    readonly index: number
    readonly monotonic: () => number
    readonly reading: boolean
    readonly stopping: boolean
    readonly pacer: Pacer
    readonly letters: DeadLetters
    readonly mishaps: Mishaps
    readonly links: readonly LinkNow[]
    readonly loaded: Loaded | null
  },
): WorkerFacts => {
  const { index, monotonic, reading, stopping, pacer, letters, mishaps, links, loaded } = worker
  const recorder = actors.map(({ behavior }) => behavior).find((each) => each instanceof Recorder)
  return {
    worker: index,
    reading,
    stopping,
    epoch: pacer.open,
    committed: pacer.committed,
    epochAge: pacer.age,
    epochs: pacer.durations.counted,
    skipped: [...mishaps.counts],
    mishaps: mishaps.latest,
    deadLettered: [...letters.taken].map(([id, items]) => [ownId(id), items]),
    circuits: [...circuits].map(([step, { state, opened }]) => [step, state, opened]),
    underWay: ports.underWay,
    credit: ports.credits,
    links,
    recorder: recorder?.facts ?? null,
    loaded,
    steps: actors.filter(isStep).map((actor) => stepNow(actor, monotonic)),
    loopDelay: null,
  }
}

const isStep = ({ behavior }: Actor): boolean =>
  !(behavior instanceof Recorder || behavior instanceof Committer)

/** A step's id without the flow's, which holds no period. */
const ownId = (stepId: string): string => stepId.slice(stepId.indexOf('.') + 1)

const stepNow = (actor: Actor, monotonic: () => number): StepNow => {
  const { name, inbox, behavior, held, ended } = actor
  actor.timing ??= new Timing(monotonic)
  const keyed = behavior instanceof KeyedBehavior ? behavior.processor : null
  const source = behavior instanceof SourceBehavior ? behavior : null
  let queuedItems = 0
  let queuedSignals = 0
  let queuedBytes = 0
  for (const channel of inbox.channels) {
    queuedItems += channel.items
    queuedSignals += channel.signals
    queuedBytes += queuedBytesOf(channel)
  }
  return {
    step: name,
    fused: behavior instanceof ChainBehavior ? behavior.stepIds : [name],
    itemsIn: source === null ? actor.itemsIn : source.itemsOut,
    itemsOut: actor.itemsOut,
    queuedItems,
    queuedSignals,
    queuedBytes: Math.round(queuedBytes),
    blocked: actor.full || held,
    held,
    ended,
    frontier: inbox.frontier === END ? inbox.epoch : inbox.frontier,
    watermark: Number.isFinite(inbox.watermark) ? inbox.watermark : null,
    keys: keyed?.table.size ?? null,
    stateBytes: behavior instanceof KeyedBehavior ? behavior.stateBytes : null,
    late: keyed?.lateItems ?? null,
    partitions: source === null ? null : source.finished ? 0 : source.live,
    lags: source?.lags ?? [],
    parts: behavior instanceof WatermarksBehavior ? behavior.parts : null,
    hotKeys: behavior instanceof KeyedBehavior ? behavior.hotKeys.hottest : null,
    batches: actor.timing.durations.counted,
    latency: actor.progress instanceof Latency ? actor.progress.counted : null,
  }
}

/** What the items of a channel take where the others are like the first few of its oldest batch. */
const queuedBytesOf = ({ items, oldestBatch }: Channel): number => {
  if (oldestBatch === undefined) return 0
  const { keys, values } = oldestBatch
  const looked = Math.min(values.length, LOOKED_AT)
  let bytes = 0
  for (let at = 0; at < looked; at += 1) {
    bytes += roughBytes(values[at]) + (keys === null ? 0 : roughBytes(keys[at]))
  }
  return looked === 0 ? 0 : (bytes / looked) * items
}
