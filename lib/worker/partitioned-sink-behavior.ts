import { Behavior } from '../actor/behavior.ts'
import { LOAD_INPUT } from '../actor/inbox.ts'
import type { FixedPartitionedSink, StatefulSinkPartition } from '../flow/sink.ts'
import { end, frontier, type Signal, SNAPSHOT_PORT } from '../signal/signal.ts'
import { SinkWrites } from './sink-writes.ts'
import type { SnapshotWriter } from './snapshot-writer.ts'
import type { StepHost } from './step-host.ts'

interface OpenPart {
  readonly name: string
  readonly partition: StatefulSinkPartition<unknown, unknown>
  values: unknown[]
  /** The keys of these, where the step's policy may ask for them. */
  keys: string[]
  /** Written to since its position was last put into a snapshot. */
  written: boolean
}

/** The partition of a sink that a key belongs to, by its index. */
export const partOf = (
  to: {
    readonly sink: FixedPartitionedSink<never, unknown>
    readonly host: StepHost
    readonly parts: number
  },
  key: string,
): number => {
  let given: unknown
  try {
    given = to.sink.partFor(key)
    if (!Number.isSafeInteger(given)) {
      throw new TypeError(`it must give a whole number for each key; got ${String(given)}`)
    }
  } catch (error) {
    throw to.host.error({ callback: 'partFor', key, error })
  }
  const index = (given as number) % to.parts
  return index < 0 ? index + to.parts : index
}

/**
 * A sink of partitions with positions: each is written by one worker, and cut back to its position
 * when the flow resumes. Starting positions are durable before the first item.
 */
export class PartitionedSinkBehavior extends Behavior {
  readonly #host: StepHost
  readonly #sink: FixedPartitionedSink<unknown, unknown>
  readonly #writer: SnapshotWriter | null
  readonly #input: () => number
  /** All partitions, in the sink's own order, and the worker of each. */
  readonly #names: readonly string[]
  readonly #owners: readonly number[]
  readonly #parts: (OpenPart | null)[]
  readonly #routing: Parameters<typeof partOf>[0]
  readonly #positions = new Map<string, unknown>()
  readonly #writes: SinkWrites
  #epoch = 0
  #open = false

  constructor(
    sink: FixedPartitionedSink<unknown, unknown>,
    ends: {
      readonly host: StepHost
      readonly writer: SnapshotWriter | null
      readonly input: () => number
      readonly names: readonly string[]
      readonly owners: readonly number[]
    },
  ) {
    super()
    this.#sink = sink
    this.#host = ends.host
    this.#writer = ends.writer
    this.#input = ends.input
    this.#names = ends.names
    this.#owners = ends.owners
    this.#parts = ends.names.map(() => null)
    this.#routing = { sink, host: ends.host, parts: ends.names.length }
    this.#writes = new SinkWrites(ends.host)
  }

  override data(batch: Signal): void {
    const keys = batch.keys as readonly string[]
    if (this.#input() === LOAD_INPUT) {
      keys.forEach((name, at) => {
        this.#positions.set(name, this.#writer?.decode(batch.values[at] as Uint8Array))
      })
      return
    }
    for (let at = 0; at < keys.length; at++) {
      const part = this.#parts[partOf(this.#routing, keys[at] as string)] as OpenPart
      part.values.push(batch.values[at])
      if (this.#writes.careful) part.keys.push(keys[at] as string)
    }
    for (const part of this.#parts)
      if (part !== null && part.values.length > 0) this.#write(part, batch)
  }

  override part(): void {}

  override frontier(signal: Signal): void {
    if (!this.#open) {
      this.#open = true
      this.#epoch = signal.epoch
      this.#host.around.hold(this.#openAll(signal))
      return
    }
    this.#closeEpoch(() => {
      this.#epoch = signal.epoch
      this.send(frontier(signal.epoch, SNAPSHOT_PORT))
      this.send(signal)
    })
  }

  override end(signal: Signal): void {
    this.#closeEpoch(() => {
      this.send(end(signal.time, signal.halted, SNAPSHOT_PORT))
      this.send(signal)
    })
  }

  override stopping(): void {
    for (const part of this.#parts) {
      try {
        part?.partition.stopping?.()
      } catch (error) {
        throw this.#host.outside('stopping', part?.name, error)
      }
    }
  }

  override async close(failed: Error | null): Promise<void> {
    this.#writes.close()
    const open = this.#parts.filter((part) => part !== null)
    const closed = await Promise.allSettled(
      open.map(({ name, partition }) =>
        this.#host.call('close', name, () =>
          failed === null || partition.abandon === undefined
            ? partition.close()
            : partition.abandon(),
        ),
      ),
    )
    for (const each of closed) if (each.status === 'rejected') throw each.reason
  }

  async #openAll(signal: Signal): Promise<void> {
    const first = signal.epoch - 1
    for (let at = 0; at < this.#names.length; at++) {
      if (this.#owners[at] !== this.#host.around.worker) continue
      const name = this.#names[at] as string
      const partition = await this.#host.open('buildPart', name, () =>
        this.#sink.buildPart(this.#host.stepId, name, this.#positions.get(name) ?? null),
      )
      const part: OpenPart = { name, partition, values: [], keys: [], written: false }
      this.#parts[at] = part
      this.#writePosition(first, part)
    }
    this.#positions.clear()
    this.#writer?.flush()
    this.send(frontier(signal.epoch, SNAPSHOT_PORT))
    this.send(signal)
  }

  #write(part: OpenPart, batch: Signal): void {
    const { values, keys, name, partition } = part
    part.values = []
    part.keys = []
    part.written = true
    this.#writes.write({
      items: values,
      keys: this.#writes.careful ? keys : null,
      sinkPart: name,
      from: batch.part,
      write: (given) => partition.writeBatch(given),
    })
  }

  /** What was written is made durable before its position is taken; then the epoch passes on. */
  #closeEpoch(pass: () => void): void {
    this.#host.around.lease.check()
    const written = this.#parts.filter((part) => part?.written === true) as OpenPart[]
    const flushes = written.filter(({ partition }) => partition.flush !== undefined)
    const finish = (): void => {
      for (const part of written) this.#writePosition(this.#epoch, part)
      this.#writer?.flush()
      pass()
    }
    if (flushes.length === 0) {
      finish()
      return
    }
    const flushed = flushes.map(({ name, partition }) =>
      this.#host.call('flush', name, () => partition.flush?.()),
    )
    this.#host.around.hold(Promise.all(flushed).then(finish))
  }

  #writePosition(epoch: number, part: OpenPart): void {
    part.written = false
    if (this.#writer === null) return
    let position: unknown
    try {
      position = part.partition.snapshot()
    } catch (error) {
      throw this.#host.outside('snapshot', part.name, error)
    }
    this.#writer.row(epoch, part.name, position)
  }
}
