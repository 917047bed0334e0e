/** A flow with recovery as a workload meets it: passes for so long, and how the event loop fared. */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import {
  DynamicSink,
  dataflow,
  EOF,
  FixedPartitionedSource,
  RecoveryStore,
  run,
  StatefulSourcePartition,
  StatelessSinkPartition,
  type Stream,
} from 'tidemark'

export interface SnapshotSpec<In> {
  readonly batches: readonly In[][]
  readonly steps: (stream: Stream<In>) => Stream<number>
  /** Where snapshots are kept, and every how many milliseconds; `null` keeps none. */
  readonly snapshots: { readonly dir: string; readonly interval: number } | null
  /** How long to pass over the input before anything is timed, and then: milliseconds. */
  readonly warmMs: number
  readonly timedMs: number
}

export interface Snapshotted {
  readonly passes: number
  readonly count: number
  readonly sum: number
  /** Over the timed part. */
  readonly items: number
  readonly cpuMs: number
  readonly wallMs: number
  /** The longest that the event loop had to wait, milliseconds. */
  readonly stallMs: number
}

/** How often the event loop is looked at, milliseconds: what a stall is measured above. */
const LOOK = 1

/** Counts whole passes, warm ones first, and watches the clocks over the others. */
class Watch {
  readonly #warmMs: number
  readonly #timedMs: number
  readonly #delay = monitorEventLoopDelay({ resolution: LOOK })
  readonly #began = performance.now()
  #from: { wall: number; cpu: NodeJS.CpuUsage; pass: number } | null = null
  passes = 0
  timed: { passes: number; cpuMs: number; wallMs: number; stallMs: number } | null = null

  constructor(warmMs: number, timedMs: number) {
    this.#warmMs = warmMs
    this.#timedMs = timedMs
  }

  /** Called before each pass: whether there shall be another. */
  next(): boolean {
    const now = performance.now()
    if (this.#from === null && now - this.#began >= this.#warmMs) {
      this.#from = { wall: now, cpu: process.cpuUsage(), pass: this.passes }
      this.#delay.enable()
    } else if (this.#from !== null && now - this.#from.wall >= this.#timedMs) {
      const { user, system } = process.cpuUsage(this.#from.cpu)
      this.#delay.disable()
      this.timed = {
        passes: this.passes - this.#from.pass,
        cpuMs: (user + system) / 1000,
        wallMs: now - this.#from.wall,
        stallMs: Math.max(0, this.#delay.max / 1e6 - LOOK),
      }
      return false
    }
    this.passes += 1
    return true
  }
}

class Passes<In> extends StatefulSourcePartition<In, number> {
  readonly #batches: readonly In[][]
  readonly #watch: Watch
  #next: number
  #read = 0

  constructor(batches: readonly In[][], watch: Watch) {
    super()
    this.#batches = batches
    this.#watch = watch
    this.#next = batches.length
  }

  override nextBatch(): In[] | typeof EOF {
    if (this.#next === this.#batches.length) {
      if (!this.#watch.next()) return EOF
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

class PassesSource<In> extends FixedPartitionedSource<In, number> {
  readonly #build: () => Passes<In>

  constructor(build: () => Passes<In>) {
    super()
    this.#build = build
  }

  override listParts(): string[] {
    return ['all']
  }

  override buildPart(): Passes<In> {
    return this.#build()
  }
}

class SumSink extends DynamicSink<number> {
  count = 0
  sum = 0

  override build(): SumPart {
    return new SumPart(this)
  }
}

class SumPart extends StatelessSinkPartition<number> {
  readonly #sink: SumSink

  constructor(sink: SumSink) {
    super()
    this.#sink = sink
  }

  override writeBatch(items: number[]): void {
    let { sum } = this.#sink
    for (let i = 0; i < items.length; i += 1) sum = (sum + (items[i] as number)) | 0
    this.#sink.sum = sum
    this.#sink.count += items.length
  }
}

/** Passes over the input, whole ones, until the time is up; snapshots are taken meanwhile. */
export const runWithSnapshots = async <In>(spec: SnapshotSpec<In>): Promise<Snapshotted> => {
  const watch = new Watch(spec.warmMs, spec.timedMs)
  const sink = new SumSink()
  const flow = dataflow('bench')
  spec
    .steps(flow.input('passes', new PassesSource(() => new Passes(spec.batches, watch))))
    .output('sum', sink)
  const { snapshots } = spec
  await run(
    flow,
    snapshots === null
      ? {}
      : {
          epochInterval: snapshots.interval,
          recovery: await RecoveryStore.init(snapshots.dir, 4),
        },
  )
  if (watch.timed === null) throw new Error('The flow ended before it was timed.')
  const { passes, ...clocks } = watch.timed
  const size = spec.batches.reduce((total, batch) => total + batch.length, 0)
  return { passes: watch.passes, count: sink.count, sum: sink.sum, items: passes * size, ...clocks }
}
