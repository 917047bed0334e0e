/** W4b: sliding windows, 10 s every 2 s and 60 s every 1 s: the second may not cost much more. */

import { PASS } from '../data.ts'
import { throughput } from '../throughput.ts'
import { BASE, DISORDER, settledTally, Timeline } from '../timeline.ts'
import type { Laps, Outcome, Workload } from '../workload.ts'
import {
  expectedWindows,
  foldReadings,
  makeReadings,
  type Reading,
  readingLines,
  SPAN,
  type Sum,
  weigh,
} from './readings.ts'

interface Shape {
  readonly length: number
  readonly offset: number
}

const SHORT: Shape = { length: 10_000, offset: 2000 }
const LONG: Shape = { length: 60_000, offset: 1000 }
const shapeOf = (variant: string): Shape => (variant.endsWith('60-1') ? LONG : SHORT)

/**
 * A pane is as long as the offset. A key's running sum gains the newest pane and loses the oldest,
 * so a window costs two panes however long it is: sums can be taken back.
 */
class Panes {
  readonly panes = new Map<number, Map<string, Sum>>()
  readonly #running = new Map<string, Sum>()
  readonly #shape: Shape
  closeAt: number
  high = 0
  count = 0
  sum = 0

  constructor(shape: Shape) {
    this.#shape = shape
    this.closeAt = BASE + shape.offset
  }

  close(): void {
    const { length, offset } = this.#shape
    const running = this.#running
    for (const [key, { n, s }] of this.panes.get(this.closeAt - offset) ?? []) {
      const total = running.get(key)
      if (total === undefined) {
        running.set(key, { n, s })
      } else {
        total.n += n
        total.s += s
      }
    }
    for (const { n, s } of running.values()) {
      this.count += 1
      this.sum = (this.sum + weigh(n, s)) | 0
    }
    for (const [key, { n, s }] of this.panes.get(this.closeAt - length) ?? []) {
      const total = running.get(key)
      if (total === undefined) continue
      total.n -= n
      total.s -= s
      if (total.n === 0) running.delete(key)
    }
    this.panes.delete(this.closeAt - length)
    this.closeAt += offset
  }

  closeAll(): void {
    while (this.panes.size > 0) this.close()
  }
}

const hand =
  (shape: Shape) =>
  (readings: readonly Reading[], laps: Laps): Outcome => {
    const timeline = new Timeline(readings, SPAN, laps)
    const panes = new Panes(shape)
    for (let copy = timeline.next(); copy >= 0; copy = timeline.next()) {
      handPass(timeline.copies[copy] ?? [], panes, shape.offset)
    }
    panes.closeAll()
    return { count: panes.count, sum: panes.sum }
  }

const handPass = (readings: readonly Reading[], open: Panes, pane: number): void => {
  let from = 0
  let to = 0
  let sums = new Map<string, Sum>()
  let { high, closeAt } = open
  for (let i = 0; i < readings.length; i += 1) {
    const reading = readings[i] as Reading
    const time = reading.time
    if (time < from || time >= to) {
      from = BASE + Math.floor((time - BASE) / pane) * pane
      to = from + pane
      if (to <= high - DISORDER) throw new Error('The input has a late reading.')
      const known = open.panes.get(from)
      sums = known ?? new Map()
      if (known === undefined) open.panes.set(from, sums)
    }
    let sum = sums.get(reading.sensor)
    if (sum === undefined) {
      sum = { n: 0, s: 0 }
      sums.set(reading.sensor, sum)
    }
    sum.n += 1
    sum.s += reading.value
    if (time > high) {
      high = time
      while (high - DISORDER >= closeAt) {
        open.close()
        closeAt = open.closeAt
      }
    }
  }
  open.high = high
}

const tidemark = (shape: Shape): ReturnType<typeof foldReadings> =>
  foldReadings(async () => {
    const { SlidingWindower } = await import('tidemark/operators')
    return new SlidingWindower({ ...shape, alignTo: BASE })
  })

/** Rows of a system that adds each reading to 60 windows: all of them would take it minutes. */
const SHORTENED = 65_536
const shorten = (readings: Reading[]): Reading[] => readings.slice(0, SHORTENED)

export const workload: Workload = throughput({
  id: 'W4b',
  title: 'sliding windows, 1e3 keys, disorder of 1 s',
  rows: [
    {
      label: 'W4b sliding 10 s / 2 s',
      ours: 'tidemark',
      gates: [{ against: 'hand', better: 'higher', floor: 0.3, aim: 0.6 }],
    },
    {
      label: 'W4b sliding 60 s / 1 s, to its hand loop and to the time of 10 s / 2 s',
      ours: 'tidemark-60-1',
      gates: [
        { against: 'hand-60-1', better: 'higher', floor: 0.3, aim: 0.6 },
        { against: 'tidemark', better: 'lower', floor: 1.5, aim: 1.1 },
      ],
    },
  ],
  size: PASS,
  items: (size) => size,
  input: makeReadings,
  expected: (readings, passes, variant) =>
    settledTally((few) => expectedWindows(readings, { ...shapeOf(variant), passes: few }), passes),
  variants: {
    hand: hand(SHORT),
    'hand-60-1': hand(LONG),
    tidemark: tidemark(SHORT),
    'tidemark-60-1': tidemark(LONG),
  },
  plans: [
    {
      task: 'W4b',
      ours: 'tidemark',
      lines: readingLines,
      span: SPAN,
      passes: 1,
      peers: { jet: { floor: 1, aim: 2.5 }, flink: null },
    },
    {
      task: 'W4b-60-1',
      ours: 'tidemark-60-1',
      lines: readingLines,
      shortened: { bytewax: shorten },
      span: SPAN,
      passes: 1,
      peers: { bytewax: { floor: 200, aim: 500 }, jet: { floor: 1, aim: 2.5 } },
    },
  ],
})
