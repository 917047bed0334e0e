/** W4a: tumbling windows of 10 s over 1e3 keys, readings out of order by up to a second. */

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

const LENGTH = 10_000

/** Windows first, keys inside: closing a window walks its own keys only. */
interface Open {
  readonly windows: Map<number, Map<string, Sum>>
  high: number
  closeAt: number
  count: number
  sum: number
}

const hand = (readings: readonly Reading[], laps: Laps): Outcome => {
  const timeline = new Timeline(readings, SPAN, laps)
  const open: Open = { windows: new Map(), high: 0, closeAt: BASE + LENGTH, count: 0, sum: 0 }
  for (let copy = timeline.next(); copy >= 0; copy = timeline.next()) {
    handPass(timeline.copies[copy] ?? [], open)
  }
  for (const window of open.windows.values()) close(window, open)
  return { count: open.count, sum: open.sum }
}

const handPass = (readings: readonly Reading[], open: Open): void => {
  let from = 0
  let to = 0
  let sums = new Map<string, Sum>()
  let { high, closeAt } = open
  for (let i = 0; i < readings.length; i += 1) {
    const reading = readings[i] as Reading
    const time = reading.time
    if (time < from || time >= to) {
      from = BASE + Math.floor((time - BASE) / LENGTH) * LENGTH
      to = from + LENGTH
      if (to <= high - DISORDER) throw new Error('The input has a late reading.')
      const known = open.windows.get(from)
      sums = known ?? new Map()
      if (known === undefined) open.windows.set(from, sums)
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
        const closing = open.windows.get(closeAt - LENGTH)
        if (closing !== undefined) close(closing, open)
        open.windows.delete(closeAt - LENGTH)
        closeAt += LENGTH
      }
    }
  }
  open.high = high
  open.closeAt = closeAt
}

const close = (window: Map<string, Sum>, open: Open): void => {
  for (const { n, s } of window.values()) {
    open.count += 1
    open.sum = (open.sum + weigh(n, s)) | 0
  }
}

export const workload: Workload = throughput({
  id: 'W4a',
  title: 'tumbling windows of 10 s, 1e3 keys, disorder of 1 s',
  rows: [
    {
      label: 'W4a tumbling 10 s, 1e3 keys, disorder',
      ours: 'tidemark',
      gates: [{ against: 'hand', better: 'higher', floor: 0.35, aim: 0.7 }],
    },
  ],
  size: PASS,
  items: (size) => size,
  input: makeReadings,
  expected: (readings, passes) =>
    settledTally(
      (few) => expectedWindows(readings, { length: LENGTH, offset: LENGTH, passes: few }),
      passes,
    ),
  variants: {
    hand,
    tidemark: foldReadings(async () => {
      const { TumblingWindower } = await import('tidemark/operators')
      return new TumblingWindower({ length: LENGTH, alignTo: BASE })
    }),
  },
  plans: [
    {
      task: 'W4a',
      ours: 'tidemark',
      lines: readingLines,
      span: SPAN,
      passes: 1,
      peers: {
        bytewax: { floor: 40, aim: 80 },
        jet: { floor: 1, aim: 2.5 },
        flink: { floor: 3, aim: 7 },
      },
    },
  ],
})
