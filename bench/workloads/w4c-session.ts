/** W4c: sessions that end after 5 s without a reading; each sensor talks for 2 s in every 20. */

import { makeKeys, PASS, randomIntegers } from '../data.ts'
import { throughput } from '../throughput.ts'
import { arrivalOrder, BASE, DISORDER, settledTally, sortedByKey, Timeline } from '../timeline.ts'
import type { Laps, Outcome, Tally, Workload } from '../workload.ts'
import { foldReadings, type Reading, readingLines, SPAN, sensorOf, weigh } from './readings.ts'

const GAP = 5000
const BURST = 2000
const GROUPS = 10
const KEYS_A_GROUP = 100
/** How often the hand loop looks for sessions that have ended. */
const SWEEP = 1000

const makeBursts = (size: number): Reading[] => {
  const random = randomIntegers(6)
  const keys = makeKeys(GROUPS * KEYS_A_GROUP)
  return arrivalOrder(
    Array.from({ length: size }, (_, index) => {
      const at = Math.floor((index * SPAN) / size)
      const group = Math.floor(at / BURST) % GROUPS
      const sensor = keys[group * KEYS_A_GROUP + (random() % KEYS_A_GROUP)] as string
      return { sensor, time: BASE + at, value: random() % 100 }
    }),
  )
}

/** Sorts, and begins a session wherever more than the gap lies between two readings. */
const expectedSessions = (readings: readonly Reading[], passes: number): Tally => {
  let count = 0
  let sum = 0
  for (const group of sortedByKey(readings, { key: sensorOf, span: SPAN, passes })) {
    let n = 0
    let s = 0
    for (const [index, reading] of group.entries()) {
      n += 1
      s += reading.value
      const next = group[index + 1]
      if (next !== undefined && next.time - reading.time <= GAP) continue
      count += 1
      sum = (sum + weigh(n, s)) | 0
      n = 0
      s = 0
    }
  }
  return { count, sum }
}

interface Session {
  start: number
  end: number
  n: number
  s: number
}

interface Open {
  readonly sessions: Map<string, Session>
  high: number
  sweepAt: number
  count: number
  sum: number
}

const hand = (readings: readonly Reading[], laps: Laps): Outcome => {
  const timeline = new Timeline(readings, SPAN, laps)
  const open: Open = { sessions: new Map(), high: 0, sweepAt: BASE, count: 0, sum: 0 }
  for (let copy = timeline.next(); copy >= 0; copy = timeline.next()) {
    handPass(timeline.copies[copy] ?? [], open)
  }
  sweep(open, Number.POSITIVE_INFINITY)
  return { count: open.count, sum: open.sum }
}

/** Sensors are silent for longer than gap and disorder, so one session a key is open at a time. */
const handPass = (readings: readonly Reading[], open: Open): void => {
  const { sessions } = open
  let { high, sweepAt } = open
  for (let i = 0; i < readings.length; i += 1) {
    const reading = readings[i] as Reading
    const time = reading.time
    let session = sessions.get(reading.sensor)
    if (session === undefined) {
      session = { start: time, end: time, n: 0, s: 0 }
      sessions.set(reading.sensor, session)
    }
    if (time > session.end) session.end = time
    else if (time < session.start) session.start = time
    session.n += 1
    session.s += reading.value
    if (time > high) {
      high = time
      if (high - DISORDER >= sweepAt) {
        sweep(open, high - DISORDER)
        sweepAt = high - DISORDER + SWEEP
      }
    }
  }
  open.high = high
  open.sweepAt = sweepAt
}

const sweep = (open: Open, watermark: number): void => {
  for (const [key, { end, n, s }] of open.sessions) {
    if (end + GAP > watermark) continue
    open.count += 1
    open.sum = (open.sum + weigh(n, s)) | 0
    open.sessions.delete(key)
  }
}

export const workload: Workload = throughput({
  id: 'W4c',
  title: 'session windows, gap 5 s, 1e3 keys in bursts, disorder of 1 s',
  rows: [
    {
      label: 'W4c session, gap 5 s',
      ours: 'tidemark',
      gates: [{ against: 'hand', better: 'higher', floor: 0.3, aim: 0.6 }],
    },
  ],
  size: PASS,
  items: (size) => size,
  input: makeBursts,
  expected: (readings, passes) => settledTally((few) => expectedSessions(readings, few), passes),
  variants: {
    hand,
    tidemark: foldReadings(async () => {
      const { SessionWindower } = await import('tidemark/operators')
      return new SessionWindower({ gap: GAP })
    }),
  },
  plans: [
    {
      task: 'W4c',
      ours: 'tidemark',
      lines: readingLines,
      span: SPAN,
      passes: 1,
      peers: {
        bytewax: { floor: 40, aim: 80 },
        jet: { floor: 1, aim: 2.5 },
        flink: { floor: 6, aim: 20 },
      },
    },
  ],
})
