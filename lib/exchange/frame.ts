import { decodeParcel, encodeParcel } from '../codec/msgpack.ts'
import { ClusterError } from '../errors/errors.ts'
import { DATA, FRONTIER, Signal, type SignalKind, WATERMARK } from '../signal/signal.ts'
import type { Control, Receiver } from './network.ts'

/**
 * What goes over a link between workers that do not share memory: a frame is a list of messages in
 * the order in which they were sent.
 *
 * F1. Frames hold plain data only; decoding one checks every field before it is used.
 * F2. A frame that is not one of ours ends the execution: links promise to lose nothing.
 */

const SIGNAL = 0
const CREDIT = 1
const CONTROL = 2

/** A message as it lies in a frame: its kind, then its fields. */
export type Message = readonly unknown[]

export const signalMessage = (edge: number, signal: Signal): Message => [
  SIGNAL,
  edge,
  signal.kind,
  signal.port,
  signal.epoch,
  signal.time,
  signal.halted,
  signal.keys,
  signal.values,
]

export const creditMessage = (edge: number, items: number): Message => [CREDIT, edge, items]

export const controlMessage = (control: Control): Message => [CONTROL, control]

export const encodeFrame = (messages: readonly Message[]): Uint8Array => encodeParcel(messages)

/** Hands the messages of a frame to the receiver. */
export const deliverFrame = (bytes: Uint8Array, from: number, receiver: Receiver): void => {
  const messages = decodeParcel(bytes)
  if (!Array.isArray(messages)) throw malformed('a frame is a list')
  for (const message of messages) {
    if (!Array.isArray(message)) throw malformed('a message is a list')
    deliver(message, from, receiver)
  }
}

const deliver = (message: readonly unknown[], from: number, receiver: Receiver): void => {
  const [kind, edge] = message
  if (kind === SIGNAL && isIndex(edge)) {
    receiver.signal(from, edge, signalOf(message))
  } else if (kind === CREDIT && isIndex(edge) && isIndex(message[2])) {
    receiver.credit(from, edge, message[2])
  } else if (kind === CONTROL) {
    receiver.control(from, controlOf(message[1]))
  } else {
    throw malformed(`there is no message of kind ${String(kind)}`)
  }
}

const signalOf = (message: readonly unknown[]): Signal => {
  const [, , kind, port, epoch, time, halted, keys, values] = message
  if (kind !== DATA && kind !== WATERMARK && kind !== FRONTIER) throw malformed('an unknown signal')
  if (typeof port !== 'number' || typeof epoch !== 'number' || typeof time !== 'number') {
    throw malformed('a signal without its port, epoch or time')
  }
  if (!Array.isArray(values) || (keys !== null && !Array.isArray(keys))) {
    throw malformed('a batch without its items')
  }
  if (keys !== null && keys.length !== values.length) throw malformed('keys without values')
  return new Signal(kind as SignalKind, port, epoch, time, halted === true, null, keys, values)
}

const controlOf = (value: unknown): Control => {
  if (typeof value !== 'object' || value === null || !('kind' in value)) {
    throw malformed('an unknown control message')
  }
  const { kind } = value
  if (kind === 'cut') return { kind }
  if (kind === 'stop') return { kind, drain: 'drain' in value && value.drain === true }
  if (kind === 'pace' && 'epoch' in value && 'stop' in value) {
    const { epoch, stop } = value
    if (typeof epoch === 'number' && (stop === null || stop === 'drain' || stop === 'halt')) {
      return { kind, epoch, stop }
    }
  }
  throw malformed('an unknown control message')
}

const isIndex = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0

const malformed = (what: string): ClusterError =>
  new ClusterError(`A frame between workers is damaged or from another release: ${what}.`)
