/** How many messages cross workers: the real engine on virtual time, over links that count. */

import {
  DynamicSink,
  dataflow,
  EOF,
  FixedPartitionedSource,
  StatefulSourcePartition,
  StatelessSinkPartition,
} from 'tidemark'
import { foldWindow, keyOn, TumblingWindower, WatermarkClock, watermarks } from 'tidemark/operators'
import { VirtualRuntime } from 'tidemark/testing'
import { memoryNetworks } from '../../lib/exchange/memory-network.ts'
import type { Control, Network, Receiver } from '../../lib/exchange/network.ts'
import { Execution } from '../../lib/run/execution.ts'
import { LocalCrew } from '../../lib/run/local-crew.ts'
import { settingsOf } from '../../lib/run/options.ts'
import { DATA, FRONTIER, type Signal, WATERMARK } from '../../lib/signal/signal.ts'

/** Messages from one worker to another, by kind. */
export interface Counts {
  /** Batches, and the items in them. */
  batches: number
  items: number
  watermarks: number
  /** Barriers: an epoch's end on one channel. */
  frontiers: number
  credits: number
  /** What the pacing worker and the others tell one another outside the edges. */
  controls: number
}

export const noCounts = (): Counts => ({
  batches: 0,
  items: 0,
  watermarks: 0,
  frontiers: 0,
  credits: 0,
  controls: 0,
})

/** A network that passes on what it counts. */
class CountingNetwork implements Network {
  readonly #network: Network
  readonly #counts: Counts

  constructor(network: Network, counts: Counts) {
    this.#network = network
    this.#counts = counts
  }

  get index(): number {
    return this.#network.index
  }

  get count(): number {
    return this.#network.count
  }

  attach(receiver: Receiver): void {
    this.#network.attach(receiver)
  }

  send(to: number, edge: number, signal: Signal): void {
    countSignal(this.#counts, signal)
    this.#network.send(to, edge, signal)
  }

  grant(to: number, edge: number, items: number): void {
    this.#counts.credits += 1
    this.#network.grant(to, edge, items)
  }

  control(to: number, control: Control): void {
    this.#counts.controls += 1
    this.#network.control(to, control)
  }
}

export const countSignal = (counts: Counts, signal: Signal): void => {
  if (signal.kind === DATA) {
    counts.batches += 1
    counts.items += signal.values.length
  } else if (signal.kind === WATERMARK) {
    counts.watermarks += 1
  } else if (signal.kind === FRONTIER) {
    counts.frontiers += 1
  }
}

export interface Reading {
  readonly sensor: string
  readonly time: number
}

const KEYS = 5000
const START = Date.UTC(2022, 0, 1)
/** Milliseconds between two batches of a partition, and of an epoch. */
const BEAT = 50
const EPOCH = 250

/** Readings that are a source batch: their keys go round all keys, each partition from its own. */
export const batchOf = (part: number, at: number, size: number): Reading[] =>
  Array.from({ length: size }, (_, index) => ({
    sensor: `k${(part * 7919 + at * size + index) % KEYS}`,
    time: START + at * BEAT,
  }))

class Beats extends StatefulSourcePartition<Reading, number> {
  readonly #part: number
  readonly #load: Load
  #at = 0

  constructor(part: number, load: Load) {
    super()
    this.#part = part
    this.#load = load
  }

  override nextBatch(): Reading[] | typeof EOF {
    if (this.#at === this.#load.batches) return EOF
    this.#at += 1
    return batchOf(this.#part, this.#at, this.#load.items)
  }

  override nextAwake(): number {
    return START + this.#at * BEAT
  }

  override snapshot(): number {
    return this.#at
  }
}

class BeatSource extends FixedPartitionedSource<Reading, number> {
  readonly #workers: number
  readonly #load: Load

  constructor(workers: number, load: Load) {
    super()
    this.#workers = workers
    this.#load = load
  }

  override listParts(): string[] {
    return Array.from({ length: this.#workers }, (_, part) => String(part))
  }

  override buildPart(_step: string, part: string): Beats {
    return new Beats(Number(part), this.#load)
  }
}

class Nowhere extends DynamicSink<unknown> {
  override build(): StatelessSinkPartition<unknown> {
    return new NowherePartition()
  }
}

class NowherePartition extends StatelessSinkPartition<unknown> {
  override writeBatch(): void {}
}

/** What each worker's source partition gives. */
export interface Load {
  readonly batches: number
  /** Items of a batch. */
  readonly items: number
}

export interface Counted {
  readonly workers: number
  readonly load: Load
  readonly epochs: number
  readonly counts: Counts
  /** CPU milliseconds of this process: all workers together. */
  readonly cpuMs: number
}

/** Runs a keyed windowed flow on so many workers, all of the engine, and counts what crosses. */
export const countRun = async (workers: number, load: Load): Promise<Counted> => {
  const runtime = new VirtualRuntime({ seed: 1, start: START })
  const flow = dataflow('scale')
  flow
    .input('beats', new BeatSource(workers, load))
    .pipe(
      watermarks('time', { timestamp: (reading: Reading) => reading.time, outOfOrderness: 0 }),
      keyOn('sensor', (reading) => reading.sensor),
      foldWindow('count', {
        clock: new WatermarkClock({ timestamp: (reading: Reading) => reading.time }),
        windower: new TumblingWindower({ length: 1000, alignTo: START }),
        init: () => 0,
        fold: (count) => count + 1,
        merge: (a, b) => a + b,
      }),
    )
    .down.output('nowhere', new Nowhere())
  const counts = noCounts()
  let epochs = 0
  const settings = settingsOf({ runtime, workers, epochInterval: EPOCH })
  const ground = {
    networks: (count: number) =>
      memoryNetworks(count, runtime).map((network) => new CountingNetwork(network, counts)),
    runtimeOf: () => runtime,
  }
  const execution = new Execution(settings, (host) => new LocalCrew(flow, settings, host, ground))
  execution.events$.subscribe((event) => {
    if (event.kind === 'committed') epochs += 1
  })
  const { user, system } = process.cpuUsage()
  await runtime.run(execution.done, { steps: 1e9 })
  const spent = process.cpuUsage({ user, system })
  return { workers, load, epochs, counts, cpuMs: (spent.user + spent.system) / 1000 }
}
