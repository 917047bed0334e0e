import { ByteReader } from '../codec/byte-reader.ts'
import { ByteWriter } from '../codec/byte-writer.ts'
import { MOST_VALUES, readColumn, writeColumn } from '../codec/column.ts'
import { decodeParcel, encodeParcel } from '../codec/msgpack.ts'
import { ClusterError } from '../errors/errors.ts'
import { DATA, FRONTIER, Signal, WATERMARK } from '../signal/signal.ts'
import type { Control, Receiver } from './network.ts'

/**
 * What goes over a link between workers that do not share memory: a frame is a list of messages in
 * the order in which they were sent.
 *
 * F1. Frames hold plain data only; decoding one checks every field before it is used.
 * F2. A frame that is not one of ours ends the execution: links promise to lose nothing.
 */

const BATCH = 0
const PROGRESS = 1
const CREDIT = 2
const CONTROL = 3

/** A message on its way into a frame. */
export type Message = (writer: ByteWriter) => void

export const signalMessage =
  (edge: number, signal: Signal): Message =>
  (writer) => {
    writer.u8(signal.kind === DATA ? BATCH : PROGRESS)
    writer.u32(edge)
    writer.u8(signal.kind)
    writer.i32(signal.port)
    writer.f64(signal.epoch)
    if (signal.kind === DATA) writeBatch(writer, signal)
    else {
      writer.f64(signal.time)
      writer.u8(signal.halted ? 1 : 0)
    }
  }

export const creditMessage =
  (edge: number, items: number): Message =>
  (writer) => {
    writer.u8(CREDIT)
    writer.u32(edge)
    writer.u32(items)
  }

export const controlMessage =
  (control: Control): Message =>
  (writer) => {
    const parcel = encodeParcel(control)
    writer.u8(CONTROL)
    writer.u32(parcel.length)
    writer.bytes(parcel)
  }

const writer = new ByteWriter()

export const encodeFrame = (messages: readonly Message[]): Uint8Array => {
  writer.reset()
  writer.u32(messages.length)
  for (const message of messages) message(writer)
  return writer.take()
}

/** Hands the messages of a frame to the receiver. */
export const deliverFrame = (bytes: Uint8Array, from: number, receiver: Receiver): void => {
  // The whole frame is read first: one that is damaged further on changes nothing.
  const deliveries = readFrame(bytes, from)
  for (const deliver of deliveries) deliver(receiver)
}

type Delivery = (receiver: Receiver) => void

const readFrame = (bytes: Uint8Array, from: number): Delivery[] => {
  try {
    const reader = new ByteReader(bytes)
    const count = reader.u32()
    if (count > reader.remaining) throw malformed('it announces more messages than it has bytes')
    const deliveries = Array.from({ length: count }, () => readMessage(reader, from))
    if (reader.remaining > 0) throw malformed('something follows its last message')
    return deliveries
  } catch (error) {
    if (error instanceof ClusterError) throw error
    throw malformed(error instanceof Error ? error.message : String(error))
  }
}

const readMessage = (reader: ByteReader, from: number): Delivery => {
  const kind = reader.u8()
  switch (kind) {
    case BATCH:
    case PROGRESS: {
      const edge = reader.u32()
      const signal = kind === BATCH ? readBatch(reader) : readProgress(reader)
      return (receiver) => receiver.signal(from, edge, signal)
    }
    case CREDIT: {
      const edge = reader.u32()
      const items = reader.u32()
      return (receiver) => receiver.credit(from, edge, items)
    }
    case CONTROL: {
      const control = controlOf(decodeParcel(reader.bytes(reader.u32())))
      return (receiver) => receiver.control(from, control)
    }
    default:
      throw malformed(`there is no message of kind ${kind}`)
  }
}

const writeBatch = (to: ByteWriter, { keys, values }: Signal): void => {
  to.u32(values.length)
  to.u8(keys === null ? 0 : 1)
  if (keys !== null) writeColumn(to, keys)
  writeColumn(to, values)
}

const readBatch = (reader: ByteReader): Signal => {
  if (reader.u8() !== DATA) throw malformed('a batch is none')
  const port = reader.i32()
  const epoch = reader.f64()
  const count = reader.u32()
  if (count > MOST_VALUES) throw malformed(`a batch of ${count} items`)
  const keyed = reader.u8() === 1
  const keys = keyed ? readColumn(reader, count) : null
  if (keys !== null && !keys.every((key) => typeof key === 'string'))
    throw malformed('a key is no string')
  const values = readColumn(reader, count)
  return new Signal(DATA, port, epoch, 0, false, null, keys as string[] | null, values)
}

const readProgress = (reader: ByteReader): Signal => {
  const kind = reader.u8()
  if (kind !== WATERMARK && kind !== FRONTIER) throw malformed('an unknown signal')
  const port = reader.i32()
  const epoch = reader.f64()
  const time = reader.f64()
  return new Signal(kind, port, epoch, time, reader.u8() === 1, null, null, [])
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

const malformed = (what: string): ClusterError =>
  new ClusterError(`A frame between workers is damaged or from another release: ${what}.`)
