/** How Tidemark meets a workload: a source that replays a prepared input, a sink that checks. */

import {
  DynamicSink,
  dataflow,
  EOF,
  type Execution,
  FixedPartitionedSource,
  type RunOptions,
  StatefulSourcePartition,
  StatelessSinkPartition,
  type Stream,
  start,
} from 'tidemark'
import { median } from './statistics.ts'
import type { Outcome } from './workload.ts'

/** The batches of the next pass; `null` when there is none. */
type NextPass<In> = () => readonly In[][] | null

/** Adds a batch to the checksum. */
type AddBatch<Out> = (items: readonly Out[], sum: number) => number

class ReplayPartition<In> extends StatefulSourcePartition<In, number> {
  readonly #nextPass: NextPass<In>
  #batches: readonly In[][] = []
  #next = 0
  #read = 0

  constructor(nextPass: NextPass<In>) {
    super()
    this.#nextPass = nextPass
  }

  override nextBatch(): In[] | typeof EOF {
    if (this.#next === this.#batches.length) {
      const batches = this.#nextPass()
      if (batches === null) return EOF
      this.#batches = batches
      this.#next = 0
    }
    const batch = this.#batches[this.#next] ?? []
    this.#next += 1
    this.#read += 1
    return batch
  }

  override snapshot(): number {
    return this.#read
  }
}

/** One partition that hands out prepared batches, pass after pass, without copying. */
class ReplaySource<In> extends FixedPartitionedSource<In, number> {
  readonly #nextPass: NextPass<In>

  constructor(nextPass: NextPass<In>) {
    super()
    this.#nextPass = nextPass
  }

  override listParts(): string[] {
    return ['all']
  }

  override buildPart(): ReplayPartition<In> {
    return new ReplayPartition(this.#nextPass)
  }
}

class TallyPartition<Out> extends StatelessSinkPartition<Out> {
  readonly #sink: TallySink<Out>
  readonly #add: AddBatch<Out>

  constructor(sink: TallySink<Out>, add: AddBatch<Out>) {
    super()
    this.#sink = sink
    this.#add = add
  }

  override writeBatch(items: Out[]): void {
    this.#sink.count += items.length
    this.#sink.sum = this.#add(items, this.#sink.sum)
  }
}

/** Counts what arrives and adds it up. */
class TallySink<Out> extends DynamicSink<Out> {
  readonly #add: AddBatch<Out>
  count = 0
  sum = 0

  constructor(add: AddBatch<Out>) {
    super()
    this.#add = add
  }

  override build(): TallyPartition<Out> {
    return new TallyPartition(this, this.#add)
  }
}

export interface FlowSpec<In, Out> {
  readonly nextPass: NextPass<In>
  readonly steps: (stream: Stream<In>) => Stream<Out>
  readonly add: AddBatch<Out>
  /** @defaultValue a run that nobody looks at, with the usual options */
  readonly watched?: Watched
}

/** A run that somebody looks at. */
export interface Watched {
  readonly options: RunOptions
  /** Begins to look; gives what ends that. */
  readonly look: (execution: Execution) => Promise<() => void>
}

const EMPTY_RUNS = 5

/**
 * One run over all passes: laps are taken where the source begins a pass, so what is timed is the
 * whole path from source to sink, and what start and end cost is told apart.
 */
export const runFlow = async <In, Out>(spec: FlowSpec<In, Out>): Promise<Outcome> => {
  const { count, sum } = await runOnce(spec)
  const startTimes: number[] = []
  for (let i = 0; i < EMPTY_RUNS; i += 1) {
    const from = performance.now()
    await runOnce({ ...spec, nextPass: () => null })
    startTimes.push(performance.now() - from)
  }
  return { count, sum, startMs: median(startTimes) }
}

/** One run over all passes, and nothing else. */
export const runOnce = async <In, Out>(spec: FlowSpec<In, Out>): Promise<TallySink<Out>> => {
  const sink = new TallySink(spec.add)
  const flow = dataflow('bench')
  spec.steps(flow.input('replay', new ReplaySource(spec.nextPass))).output('tally', sink)
  const { watched } = spec
  const execution = start(flow, watched?.options)
  const end = await watched?.look(execution)
  try {
    await execution.done
  } finally {
    end?.()
  }
  return sink
}
