/** What one worker's second is spent on, and so how much many of them get through. */

import { Inbox } from '../../lib/actor/inbox.ts'
import { ExchangeOutlet } from '../../lib/exchange/exchange-outlet.ts'
import { deliverFrame, encodeFrame, signalMessage } from '../../lib/exchange/frame.ts'
import type { Network } from '../../lib/exchange/network.ts'
import { byKey } from '../../lib/exchange/router.ts'
import { data, frontier, type Signal, watermark } from '../../lib/signal/signal.ts'
import { median } from '../statistics.ts'
import { batchOf, type Counts, countSignal, type Load, noCounts } from './counting.ts'

/** Counts what one worker of many puts out: the engine's own router and outlet, nobody behind them. */
class SenderNetwork implements Network {
  readonly index = 0
  readonly count: number
  readonly counts: Counts = noCounts()

  constructor(count: number) {
    this.count = count
  }

  attach(): void {}

  send(_to: number, _edge: number, signal: Signal): void {
    countSignal(this.counts, signal)
  }

  grant(): void {}
  control(): void {}
}

const NOBODY = { full: false, send: (): void => {} }

/** What one batch, one watermark and one barrier of one worker become on their way to all others. */
export const countSender = (workers: number, load: Load): Counts => {
  const network = new SenderNetwork(workers)
  const router = byKey(workers)
  const outlet = new ExchangeOutlet(0, { network, router, local: NOBODY, onRoom: () => {} })
  const readings = batchOf(0, 0, load.items)
  outlet.send(
    data(
      0,
      1,
      readings.map(({ sensor }) => sensor),
      readings,
    ),
  )
  outlet.send(watermark(1, 0))
  outlet.send(frontier(2))
  return network.counts
}

/** The power of x with which y grows, by least squares over the logarithms. */
export const exponentOf = (points: readonly (readonly [number, number])[]): number => {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const)
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length
  const spread = logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread
}

/** CPU microseconds on the way from one worker to another, both ends together. */
export interface Costs {
  readonly item: number
  readonly frame: number
  /** A watermark, barrier or credit, in a frame with others. */
  readonly progress: number
  /** A watermark, taken from a mailbox with as many channels as there are workers. */
  readonly mailbox: number
  /** An item in the operators of one worker, nothing crossing. */
  readonly work: number
}

const TAKEN = { signal: (): void => {}, credit: (): void => {}, control: (): void => {} }
const ROUNDS = 7

/** Microseconds that `work` takes, so many times over: the median of rounds. */
const timed = (times: number, work: () => void): number => {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const { user, system } = process.cpuUsage()
    for (let time = 0; time < times; time += 1) work()
    const spent = process.cpuUsage({ user, system })
    return (spent.user + spent.system) / times
  })
  return median(rounds)
}

const frameOf = (items: number): (() => void) => {
  const readings = batchOf(0, 0, items)
  const batch = data(
    0,
    1,
    readings.map(({ sensor }) => sensor),
    readings,
  )
  return () => deliverFrame(encodeFrame([signalMessage(0, batch)]), 0, TAKEN)
}

/** Every channel of a mailbox names a time, round after round. */
const roundOf = (channels: number): (() => void) => {
  const inbox = new Inbox()
  const opened = Array.from({ length: channels }, () => inbox.open(0))
  let time = 0
  return () => {
    time += 1
    // Some are ahead of others, as workers are.
    opened.forEach((channel, at) => {
      inbox.deliver(channel, watermark(0, time * 100 + ((at * 37 + time) % 101)))
    })
    while (inbox.take() !== null);
  }
}

const FULL = 1000
const MANY = 64
/** Channels of a mailbox: what each costs is to be no more than this with fewer. */
export const CHANNELS = 1024

/** Measures encoding and decoding of frames, which is what an exchange between processes adds. */
export const measureCosts = (work: number): Costs => {
  const one = timed(4000, frameOf(1))
  const full = timed(200, frameOf(FULL))
  const item = (full - one) / (FULL - 1)
  const marks = Array.from({ length: MANY }, (_, at) => signalMessage(0, watermark(1, at)))
  const all = timed(500, () => deliverFrame(encodeFrame(marks), 0, TAKEN))
  const mailbox = timed(50, roundOf(CHANNELS)) / CHANNELS
  return { item, frame: one - item, progress: all / MANY, mailbox, work }
}

export interface Prediction {
  readonly workers: number
  /** Frames that a batch of the source becomes. */
  readonly frames: number
  /** Share of a worker's time that goes into frames and progress instead of items. */
  readonly overhead: number
  /** The part of that share that watermarks have. */
  readonly progress: number
  /** Items a second, all workers together. */
  readonly rate: number
}

/**
 * A worker takes a batch, spreads it over the others, and is sent as much by them: with each batch a
 * watermark to everybody. No network, no waiting, no skew: what is left is a bound from above.
 */
export const predict = (workers: number, load: Load, costs: Costs): Prediction => {
  const counts = countSender(workers, load)
  const items = counts.items * costs.item + load.items * costs.work
  const progress = counts.watermarks * (costs.progress + costs.mailbox)
  const coordination = counts.batches * costs.frame + progress
  return {
    workers,
    frames: counts.batches,
    overhead: coordination / (items + coordination),
    progress: progress / (items + coordination),
    rate: (workers * load.items * 1e6) / (items + coordination),
  }
}
