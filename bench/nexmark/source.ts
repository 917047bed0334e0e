import { EOF, FixedPartitionedSource, type Polled, StatefulSourcePartition } from 'tidemark'
import { type GeneratorOptions, NexmarkGenerator } from './generator.ts'
import type { NexmarkEvent } from './model.ts'

export interface NexmarkSourceOptions extends GeneratorOptions {
  /** How many events there are in all. */
  readonly events: number
  /** Each partition has every so-manyth event. @defaultValue 1 */
  readonly partitions?: number
  /** Events a batch. @defaultValue 1000 */
  readonly batchSize?: number
}

/**
 * The events of an auction house, made as they are read: the same ones whatever the number of
 * partitions, the size of batches and the place to resume from, with exact watermarks.
 *
 * A partition's position is the number of events read from it.
 */
export class NexmarkSource extends FixedPartitionedSource<NexmarkEvent, number> {
  override readonly givesWatermarks = true
  readonly #options: NexmarkSourceOptions
  readonly #partitions: number

  constructor(options: NexmarkSourceOptions) {
    super()
    this.#options = options
    this.#partitions = options.partitions ?? 1
  }

  override listParts(): string[] {
    return Array.from({ length: this.#partitions }, (_, index) => String(index))
  }

  override buildPart(
    _stepId: string,
    part: string,
    resume: number | null,
  ): StatefulSourcePartition<NexmarkEvent, number> {
    const { events, batchSize = 1000 } = this.#options
    return new NexmarkPartition(new NexmarkGenerator(this.#options), {
      events,
      batchSize,
      first: Number(part),
      step: this.#partitions,
      read: resume ?? 0,
    })
  }
}

interface Share {
  readonly events: number
  readonly batchSize: number
  readonly first: number
  readonly step: number
  /** How many were read before. */
  readonly read: number
}

class NexmarkPartition extends StatefulSourcePartition<NexmarkEvent, number> {
  readonly #generator: NexmarkGenerator
  readonly #share: Share
  #read: number

  constructor(generator: NexmarkGenerator, share: Share) {
    super()
    this.#generator = generator
    this.#share = share
    this.#read = share.read
  }

  override nextBatch(): Polled<NexmarkEvent> {
    const { events, batchSize, step } = this.#share
    const from = this.#next()
    if (from >= events) return EOF
    const size = Math.min(batchSize, Math.ceil((events - from) / step))
    const batch = new Array<NexmarkEvent>(size)
    for (let i = 0; i < size; i += 1) batch[i] = this.#generator.event(from + i * step)
    this.#read += size
    return batch
  }

  override watermark(): number {
    return this.#generator.watermark(this.#next())
  }

  override snapshot(): number {
    return this.#read
  }

  /** The number of the event that is read next. */
  #next(): number {
    return this.#share.first + this.#read * this.#share.step
  }
}
