/** How a query meets the bench: prepared events, a run a pass, rows counted and weighed. */

import {
  DynamicSink,
  dataflow,
  EOF,
  FixedPartitionedSource,
  run,
  StatefulSourcePartition,
  StatelessSinkPartition,
} from 'tidemark'
import type { Laps, Outcome, Tally } from '../workload.ts'
import type { Measured } from './catalog.ts'
import { NexmarkGenerator } from './generator.ts'
import type { NexmarkEvent } from './model.ts'
import { NexmarkSource } from './source.ts'

const BATCH = 1000

type Batches = readonly (readonly NexmarkEvent[])[]

/** The first `size` events in batches, made before anything is timed. */
export const makeEvents = (size: number): Batches => {
  const generator = new NexmarkGenerator()
  return Array.from({ length: Math.ceil(size / BATCH) }, (_, index) => {
    const from = index * BATCH
    const length = Math.min(BATCH, size - from)
    return Array.from({ length }, (_unused, at) => generator.event(from + at))
  })
}

/** What a query puts out: counted and weighed, by its flow and by its hand loop alike. */
class Scale {
  readonly #weigh: (row: unknown) => number
  count = 0
  sum = 0

  constructor(weigh: (row: unknown) => number) {
    this.#weigh = weigh
  }

  add(rows: readonly unknown[]): void {
    const weigh = this.#weigh
    let { sum } = this
    for (let i = 0; i < rows.length; i += 1) sum = (sum + weigh(rows[i])) | 0
    this.sum = sum
    this.count += rows.length
  }
}

/** Every pass begins anew, with nothing kept from the one before. */
export const runHand = ({ hand, weigh }: Measured, batches: Batches, laps: Laps): Outcome => {
  const scale = new Scale(weigh)
  const sink = (rows: unknown[]): void => scale.add(rows)
  while (laps.next()) hand(batches, sink)
  return { count: scale.count, sum: scale.sum }
}

/** What so many passes must come to, each by itself the same. */
export const handTally = (measured: Measured, batches: Batches, passes: number): Tally => {
  const scale = new Scale(measured.weigh)
  measured.hand(batches, (rows) => scale.add(rows))
  return { count: scale.count * passes, sum: Math.imul(scale.sum, passes) }
}

/** A query that keeps nothing is one run over all passes; any other is a run for each. */
export const runQuery = async (
  measured: Measured,
  batches: Batches,
  laps: Laps,
): Promise<Outcome> => {
  const scale = new Scale(measured.weigh)
  if (measured.isStateless) {
    await runPass(measured, scale, new PreparedSource(() => (laps.next() ? batches : null)))
  } else {
    while (laps.next()) await runPass(measured, scale, new PreparedSource(once(batches)))
  }
  return { count: scale.count, sum: scale.sum }
}

/** The same, with the events made as they are read; a run for each pass. */
export const runGenerated = async (
  measured: Measured,
  size: number,
  laps: Laps,
): Promise<Outcome> => {
  const scale = new Scale(measured.weigh)
  while (laps.next()) await runPass(measured, scale, new NexmarkSource({ events: size }))
  return { count: scale.count, sum: scale.sum }
}

const runPass = async (
  { query }: Measured,
  scale: Scale,
  source: FixedPartitionedSource<NexmarkEvent, number>,
): Promise<void> => {
  const flow = dataflow('nexmark')
  query.steps(flow.input('events', source)).output('weigh', new ScaleSink(scale))
  await run(flow)
}

type NextPass = () => Batches | null

const once = (batches: Batches): NextPass => {
  let left: Batches | null = batches
  return () => {
    const next = left
    left = null
    return next
  }
}

/** One partition that hands out prepared batches, pass after pass, without copying. */
class PreparedSource extends FixedPartitionedSource<NexmarkEvent, number> {
  override readonly givesWatermarks = true
  readonly #nextPass: NextPass

  constructor(nextPass: NextPass) {
    super()
    this.#nextPass = nextPass
  }

  override listParts(): string[] {
    return ['all']
  }

  override buildPart(): PreparedPartition {
    return new PreparedPartition(this.#nextPass)
  }
}

class PreparedPartition extends StatefulSourcePartition<NexmarkEvent, number> {
  readonly #nextPass: NextPass
  #batches: Batches = []
  #next = 0
  #read = 0
  #time = Number.NEGATIVE_INFINITY

  constructor(nextPass: NextPass) {
    super()
    this.#nextPass = nextPass
  }

  override nextBatch(): readonly NexmarkEvent[] | typeof EOF {
    if (this.#next === this.#batches.length) {
      const batches = this.#nextPass()
      if (batches === null) return EOF
      this.#batches = batches
      this.#next = 0
    }
    const batch = this.#batches[this.#next] ?? []
    this.#next += 1
    this.#read += 1
    // The events are in order, so what follows is not earlier than the last of a batch.
    this.#time = Math.max(this.#time, batch.at(-1)?.dateTime ?? this.#time)
    return batch
  }

  override watermark(): number {
    return this.#time
  }

  override snapshot(): number {
    return this.#read
  }
}

class ScaleSink extends DynamicSink<unknown> {
  readonly #scale: Scale

  constructor(scale: Scale) {
    super()
    this.#scale = scale
  }

  override build(): ScalePartition {
    return new ScalePartition(this.#scale)
  }
}

class ScalePartition extends StatelessSinkPartition<unknown> {
  readonly #scale: Scale

  constructor(scale: Scale) {
    super()
    this.#scale = scale
  }

  override writeBatch(rows: unknown[]): void {
    this.#scale.add(rows)
  }
}
