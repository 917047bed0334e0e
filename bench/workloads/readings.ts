/** What the windowed workloads share: readings of sensors with event time, and their fold. */

import type { Clock, Windower } from 'tidemark/operators'
import { BATCH, cut, makeKeys, randomIntegers } from '../data.ts'
import { arrivalOrder, BASE, DISORDER, sortedByKey, Timeline } from '../timeline.ts'
import type { Laps, Outcome, Tally } from '../workload.ts'

export interface Reading {
  readonly sensor: string
  time: number
  readonly value: number
}

export interface Sum {
  n: number
  s: number
}

/** Event time of a pass, milliseconds. */
export const SPAN = 60_000
const KEYS = 1000

/** Readings spread evenly over the pass, by any sensor at any time. */
export const makeReadings = (size: number): Reading[] => {
  const random = randomIntegers(4)
  const keys = makeKeys(KEYS)
  return arrivalOrder(
    Array.from({ length: size }, (_, index) => ({
      sensor: keys[random() % KEYS] as string,
      time: BASE + Math.floor((index * SPAN) / size),
      value: random() % 100,
    })),
  )
}

/** The rows as other systems are given them. */
export const readingLines = (readings: readonly Reading[]): string[] =>
  readings.map(({ sensor, time, value }) => `${sensor}\t${time}\t${value}`)

export const sensorOf = (reading: Reading): string => reading.sensor
export const timeOf = (reading: Reading): number => reading.time

export const emptySum = (): Sum => ({ n: 0, s: 0 })
export const addReading = (sum: Sum, reading: Reading): Sum => {
  sum.n += 1
  sum.s += reading.value
  return sum
}
export const mergeSums = (into: Sum, other: Sum): Sum => {
  into.n += other.n
  into.s += other.s
  return into
}

/** What a closed window adds to the checksum: items in a wrong window change it. */
export const weigh = (n: number, s: number): number => Math.imul(n, s)

/** Sorts and groups: every window of `length` at every `offset` that has a reading of the key. */
export const expectedWindows = (
  readings: readonly Reading[],
  { length, offset, passes }: { length: number; offset: number; passes: number },
): Tally => {
  let count = 0
  let sum = 0
  for (const group of sortedByKey(readings, { key: sensorOf, span: SPAN, passes })) {
    const end = BASE + passes * SPAN
    for (let open = BASE - length + offset; open < end; open += offset) {
      const from = lowerBound(group, open)
      const to = lowerBound(group, open + length)
      if (from === to) continue
      count += 1
      let s = 0
      for (let i = from; i < to; i += 1) s += (group[i] as Reading).value
      sum = (sum + weigh(to - from, s)) | 0
    }
  }
  return { count, sum }
}

/** Index of the first reading at `time` or later. */
const lowerBound = (sorted: readonly Reading[], time: number): number => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as Reading).time < time) low = middle + 1
    else high = middle
  }
  return low
}

type Closed = readonly [string, readonly [number, Sum]]

const addClosed = (windows: readonly Closed[], before: number): number => {
  let sum = before
  for (const [, [, { n, s }]] of windows) sum = (sum + weigh(n, s)) | 0
  return sum
}

/** Our variant of a windowed fold. */
export const foldReadings =
  (makeWindower: () => Promise<Windower<unknown>>) =>
  async (readings: readonly Reading[], laps: Laps): Promise<Outcome> => {
    const { runFlow } = await import('../flow.ts')
    const { foldWindow, keyOn, WatermarkClock, watermarks } = await import('tidemark/operators')
    const clock: Clock<Reading, unknown> = new WatermarkClock({ timestamp: timeOf })
    const windower = await makeWindower()
    const timeline = new Timeline(readings, SPAN, laps)
    const batches = timeline.copies.map((copy) => cut(copy, BATCH))
    return runFlow({
      nextPass: () => batches[timeline.next()] ?? null,
      steps: (stream) =>
        stream.pipe(
          watermarks('time', { timestamp: timeOf, outOfOrderness: DISORDER }),
          keyOn('sensor', sensorOf),
          foldWindow('sum', {
            clock,
            windower,
            init: emptySum,
            fold: addReading,
            merge: mergeSums,
            ordered: false,
          }),
        ).down,
      add: addClosed,
    })
  }
