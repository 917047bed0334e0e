/**
 * What travels on an edge: one ordered sequence of batches and progress.
 *
 * One class for all kinds keeps every call site monomorphic. A signal that has been sent is never
 * changed: an edge that forks hands the same object to each of its ends.
 */
import type { SourcePart } from './source-part.ts'

/** Items of one epoch. */
export const DATA = 0
/** Nothing with an event time before `time` will follow. */
export const WATERMARK = 1
/** Nothing of an epoch before `epoch` will follow; at infinity, nothing at all. */
export const FRONTIER = 2
/**
 * A source partition begins or ends; known until the first exchange. Those there are when a flow
 * starts are told before the first frontier, so that they are known before any item.
 */
export const PART = 3

export type SignalKind = typeof DATA | typeof WATERMARK | typeof FRONTIER | typeof PART

/** A progress signal belongs to every output of the step that sends it. */
export const ALL_PORTS = -1

/** The output that carries a step's snapshot rows, and their own frontier, to the recorders. */
export const SNAPSHOT_PORT = -2

/** The epoch of a frontier behind which nothing comes. */
export const END: number = Number.POSITIVE_INFINITY

const NO_VALUES: readonly unknown[] = Object.freeze([])

export class Signal {
  readonly kind: SignalKind
  /** The output of the sending step: its index, or one of the constants above. */
  readonly port: number
  readonly epoch: number
  /**
   * Event time of a watermark, infinite while its sender has no say; of an end, the last epoch that
   * held anything; of a change of a partition, 1 where it ended.
   */
  readonly time: number
  /** At an end: the flow was stopped, its input has not ended, so windows stay open. */
  readonly halted: boolean
  readonly part: SourcePart | null
  /** Keyed batches are two parallel arrays; `null` where the stream has no key. */
  readonly keys: readonly string[] | null
  readonly values: readonly unknown[]

  constructor(
    kind: SignalKind,
    port: number,
    epoch: number,
    time: number,
    halted: boolean,
    part: SourcePart | null,
    keys: readonly string[] | null,
    values: readonly unknown[],
  ) {
    this.kind = kind
    this.port = port
    this.epoch = epoch
    this.time = time
    this.halted = halted
    this.part = part
    this.keys = keys
    this.values = values
  }
}

export const data = (
  port: number,
  epoch: number,
  keys: readonly string[] | null,
  values: readonly unknown[],
  part: SourcePart | null = null,
): Signal => new Signal(DATA, port, epoch, 0, false, part, keys, values)

export const watermark = (epoch: number, time: number): Signal =>
  new Signal(WATERMARK, ALL_PORTS, epoch, time, false, null, null, NO_VALUES)

export const frontier = (epoch: number, port: number = ALL_PORTS): Signal =>
  new Signal(FRONTIER, port, epoch, 0, false, null, null, NO_VALUES)

/** The end of an edge: nothing follows, and `lastEpoch` is the newest epoch that held anything. */
export const end = (lastEpoch: number, halted: boolean, port: number = ALL_PORTS): Signal =>
  new Signal(FRONTIER, port, END, lastEpoch, halted, null, null, NO_VALUES)

export const partChange = (epoch: number, part: SourcePart): Signal =>
  new Signal(PART, ALL_PORTS, epoch, part.ended ? 1 : 0, false, part, null, NO_VALUES)
